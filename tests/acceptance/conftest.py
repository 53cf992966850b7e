"""The stacks that acceptance tests share, and clients of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.asking import connected
from tests.acceptance.simulation import POOL, SIMULATION
from tests.harness import stack
from tests.harness.readiness import tail
from tests.harness.stack import Stack
from tests.harness.up import Up, builtin, running


@pytest.fixture(scope="session")
def demo() -> Iterator[Up]:
    """The demo model on three vLLM workers, so that two are left when one is killed; with a parser for tool calls."""
    config = builtin("demo")
    pool = config["pools"]["demo"]
    pool |= {"workers": 3, "options": {**pool["options"], "tool_parser": "hermes"}}
    with running(config) as up:
        yield up


@pytest.fixture(scope="session")
def sim() -> Iterator[Up]:
    """Three pools of the simulated engine: a common one, one that answers at full speed, and a narrow one."""
    with running(SIMULATION) as up:
        yield up


@pytest.fixture(scope="session")
def parts() -> Iterator[Stack]:
    """Two of every role on one Redis, each a process that can be killed alone."""
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        stack.running(Path(folder), POOL, ingresses=2, schedulers=2, workers=(1, 1)) as it,
    ):
        yield it


@pytest.fixture
def demo_client(demo: Up) -> Iterator[OpenAI]:
    with connected(demo.url) as client:
        yield client


@pytest.fixture
def sim_client(sim: Up) -> Iterator[OpenAI]:
    with connected(sim.url) as client:
        yield client


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the processes of its stack wrote."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {name}", log) for name, log in _logs(item.funcargs)]
    return report


def _logs(fixtures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fixtures.items():
        if isinstance(value, Up) and value.log.exists():
            yield name, value.log_tail()
        elif isinstance(value, Stack):
            yield from ((program.name, tail(program.log)) for program in value.programs)
