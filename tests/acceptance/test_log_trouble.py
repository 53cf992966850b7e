"""A log that cannot be written costs its lines, and no stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import connected, job_id_of, says, text_of
from tests.acceptance.insight import insight
from tests.acceptance.simulation import POOL, expected
from tests.harness.processes import family
from tests.harness.readiness import answers_ok
from tests.harness.up import Up, started
from tests.waiting import eventually

STREAMS = 10
TOKENS = 200


@dataclass(frozen=True)
class Log:
    """Where `penstock up` and all its children write what they have to say, and what happens to it then."""

    path: Path
    meets: Callable[[], None]


@pytest.fixture(params=["full disk", "reader that stopped", "reader that went away"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "full disk":
        yield Log(Path("/dev/full"), lambda: None)
        return
    path = tmp_path / "log"
    os.mkfifo(path)
    with ExitStack() as opened:
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        leave = opened.enter_context(ExitStack())
        leave.callback(os.close, reader)
        yield Log(path, leave.close if "away" in request.param else partial(fill, path))


def fill(path: Path) -> None:
    pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with closing(os.fdopen(pipe, "wb", buffering=0)), suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 4096)


@pytest.fixture
def up(log: Log) -> Iterator[Up]:
    config: dict[str, Any] = {
        "models": {"sim": {"pool": "sim"}},
        "pools": {"sim": {**POOL, "workers": 2}},
    }
    with started(config, log.path) as it:
        log.meets()
        assert eventually(lambda: answers_ok(f"{it.url}/ready"), within_s=60)
        yield it


def test_ten_streams_outlive_a_worker_though_nobody_can_log_it(up: Up) -> None:
    begun = Barrier(STREAMS + 1)

    def answer(question: str) -> tuple[str, str]:
        with (
            connected(up.url) as client,
            client.chat.completions.create(
                model="sim", messages=says(question), max_tokens=TOKENS, stream=True
            ) as stream,
        ):
            first = next(stream)
            begun.wait()
            return job_id_of(stream), text_of([first, *stream])

    questions = [f"question {number}" for number in range(STREAMS)]
    before = processes(up)
    with ThreadPoolExecutor(STREAMS) as threads:
        answers = [threads.submit(answer, question) for question in questions]
        begun.wait()
        victim = up.by_role()["worker"][0]
        dying = {process.pid for process in family(victim.pid)}
        victim.kill()
        told = [future.result() for future in answers]

    assert [text for _, text in told] == [expected(question, max_tokens=TOKENS) for question in questions]
    with insight(up.redis_url) as redis:
        assert any(redis.job(job_id).losses for job_id, _ in told)
    assert before - dying <= processes(up)
    assert up.process.poll() is None
    assert float(lost_lines(httpx.get(f"{up.url}/metrics").text)) > 0


def processes(up: Up) -> set[int]:
    return {process.pid for of_role in up.by_role().values() for process in of_role}


def lost_lines(metrics: str) -> str:
    (line,) = [line for line in metrics.splitlines() if line.startswith("penstock_log_lines_lost_total ")]
    return line.split()[-1]
