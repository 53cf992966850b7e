"""The HTTP side in other forms: several processes on one port, and the tokenizer service alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.asking import connected, connected_async, says, text_of
from tests.acceptance.simulation import POOL, expected
from tests.harness.processes import end, family, free_port, spawn
from tests.harness.readiness import wait_ready
from tests.harness.up import Up, running
from tests.waiting import eventually


@pytest.fixture(scope="module")
def prefork() -> Iterator[Up]:
    """Two ingress processes on one port."""
    config = {"models": {"sim": {"pool": "sim"}}, "pools": {"sim": POOL}, "ingress": {"processes": 2}}
    with running(config) as up:
        yield up


@pytest.fixture
def tokenizer(tmp_path: Path) -> Iterator[str]:
    """The tokenizer service of the demo model: no Redis, no engine."""
    port, log = free_port(), tmp_path / "log"
    process = spawn(["tokenizer", "--config", "demo"], {"PENSTOCK__TOKENIZER__PORT": str(port)}, log)
    wait_ready(port, process, log, "/health")
    yield f"http://127.0.0.1:{port}"
    assert end(process) == 0


async def test_two_processes_share_one_port(prefork: Up) -> None:
    async def answer(number: int) -> str:
        # A client of its own has a connection of its own.
        async with connected_async(prefork.url) as client:
            stream = await client.chat.completions.create(
                model="sim", messages=says(f"shared {number}"), max_tokens=40, stream=True
            )
            return text_of([chunk async for chunk in stream])

    answers = await asyncio.gather(*map(answer, range(30)))

    assert answers == [expected(f"shared {number}", max_tokens=40) for number in range(30)]


def test_their_figures_are_told_together(prefork: Up) -> None:
    def served() -> float:
        figures = httpx.get(f"{prefork.url}/metrics").text
        (count,) = re.findall(r'^penstock_requests_total\{model="sim",status="200"\} (\S+)', figures, re.MULTILINE)
        return float(count)

    with connected(prefork.url) as client:
        client.chat.completions.create(model="sim", messages=says("counted"), max_tokens=1)
        before = served()
        client.chat.completions.create(model="sim", messages=says("counted"), max_tokens=1)

    assert {served() for _ in range(10)} == {before + 1}


def test_one_of_two_processes_is_replaced_and_the_other_serves_meanwhile(prefork: Up) -> None:
    (parent,) = [process for process in prefork.by_role()["ingress"] if len(family(process.pid)) > 1]
    children = {child.pid for child in parent.children()}
    assert len(children) == 2
    parent.children()[0].kill()

    assert httpx.get(f"{prefork.url}/health").status_code == 200
    assert eventually(lambda: len({child.pid for child in parent.children()} - children) == 1)
    assert httpx.get(f"{prefork.url}/ready").status_code == 200


def test_the_tokenizer_service_runs_alone(tokenizer: str) -> None:
    conversation = {"model": "demo", "messages": says("What is Penstock?")}
    told = httpx.post(f"{tokenizer}/tokenize", json=conversation).json()
    back = httpx.post(f"{tokenizer}/detokenize", json={"model": "demo", "tokens": told["tokens"]}).json()

    assert "What is Penstock?" in back["prompt"]
    assert told["max_model_len"] == 2048
    assert httpx.post(f"{tokenizer}/v1/chat/completions", json=conversation).status_code == 404
