"""A pool without workers, and a pool whose engine does not start."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.acceptance.asking import JOB_ID, connected, job, says
from tests.acceptance.simulation import POOL, expected
from tests.harness.processes import free_port
from tests.harness.readiness import answers_ok
from tests.harness.stack import Stack
from tests.harness.up import Up, started
from tests.waiting import eventually

QUEUE_TIMEOUT_S = 1.5


@pytest.fixture
def unstaffed() -> Iterator[Stack]:
    """Everything but workers."""
    with TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), {**POOL, "queue_timeout_s": QUEUE_TIMEOUT_S})
        stack.redis.start()
        for program in (*stack.ingresses, *stack.schedulers):
            program.start()
        try:
            assert eventually(lambda: answers_ok(f"{stack.urls[0]}/health"))
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def broken() -> Iterator[Up]:
    """One pool that works, and one whose engine fails whenever it starts."""
    failing = {**POOL, "options": {"fail_start": True}, "queue_timeout_s": QUEUE_TIMEOUT_S}
    config = {
        "models": {"sim": {"pool": "sim"}, "broken": {"pool": "broken"}},
        "pools": {"sim": POOL, "broken": failing},
        "telemetry": {"worker_metrics_port": free_port(), "scheduler_metrics_port": free_port()},
    }
    with started(config) as up:
        yield up


@pytest.fixture
def patient() -> Iterator[Up]:
    """One pool whose engine fails whenever it starts, and whose requests wait all the same."""
    waiting = {"queue_timeout_s": QUEUE_TIMEOUT_S, "refuse_when_failing": False}
    pool = {**POOL, "options": {"fail_start": True}, **waiting}
    with started({"models": {"sim": {"pool": "sim"}}, "pools": {"sim": pool}}) as up:
        yield up


@pytest.mark.parametrize("stream", [False, True])
def test_a_job_that_nobody_can_run_waits_until_its_deadline_and_is_a_clear_503(
    unstaffed: Stack, *, stream: bool
) -> None:
    with connected(unstaffed.urls[0]) as client:
        error, took_s = unserved(client, "sim", stream=stream)
        state = job(client, error.response.headers[JOB_ID])["state"]

    assert (error.status_code, error.code) == (503, "server_is_overloaded")
    assert "worker" in error.message
    assert 1 <= int(error.response.headers["retry-after"]) <= 120
    assert QUEUE_TIMEOUT_S - 0.1 < took_s < QUEUE_TIMEOUT_S + 3
    assert state == "expired"
    ready = httpx.get(f"{unstaffed.urls[0]}/ready")
    assert ready.status_code == 503
    assert ready.json()["pools"]["sim"]["ready"] == 0


def test_a_job_is_run_when_a_worker_comes_in_time(unstaffed: Stack) -> None:
    (host,) = unstaffed.hosts
    host.start()
    with connected(unstaffed.urls[0]) as client:
        assert eventually(lambda: answers_ok(f"{unstaffed.urls[0]}/ready"), within_s=30)
        answer = client.chat.completions.create(model="sim", messages=says("in time"), max_tokens=4)

    assert answer.choices[0].message.content == expected("in time", max_tokens=4)


def test_an_engine_that_does_not_start_is_seen_everywhere_and_tried_again(broken: Up) -> None:
    def readiness() -> dict[str, Any]:
        pools: dict[str, Any] = httpx.get(f"{broken.url}/ready", verify=False).json()["pools"]
        return pools

    assert eventually(lambda: answers_ok(f"{broken.url}/health"), within_s=30)
    assert eventually(lambda: readiness()["sim"]["ready"] == 1, within_s=30)
    # The second failure shows that it was tried again, the third that the pauses grow.
    assert eventually(lambda: any(one["failures"] >= 3 for one in readiness()["broken"]["failed"]), within_s=30)

    asked = [httpx.get(f"{broken.url}/ready{which}") for which in ("", "?pool=sim", "?pool=broken", "?pool=nobody")]
    assert [answer.status_code for answer in asked] == [200, 200, 503, 404]
    # Between two of its processes the worker is unknown.
    assert eventually(lambda: "told not to start" in str(readiness()["broken"]["failed"]), within_s=10)
    assert "engine.start_failed" in broken.log.read_text()
    pauses = [float(pause) for pause in re.findall(r'"pause_s": ([\d.]+)', broken.log.read_text())]
    assert pauses[:3] == sorted(set(pauses[:3]))
    assert eventually(lambda: start_failures(broken) >= 3, within_s=30)
    assert 'penstock_workers{pool="broken",state="ready"} 0.0' in "".join(figures(broken, "scheduler"))
    # Readiness is asked of Redis; what refuses a request is what the ingress saw when it last looked at the pool.
    assert eventually(lambda: "told not to start" in failing_as_watched(broken, "broken"), within_s=30)

    with connected(broken.url) as client:
        answer = client.chat.completions.create(model="sim", messages=says("unharmed"), max_tokens=4)
        error, took_s = unserved(client, "broken", stream=False)

    assert answer.choices[0].message.content == expected("unharmed", max_tokens=4)
    assert (error.status_code, error.code) == (503, "server_is_overloaded")
    assert "told not to start" in error.message
    assert took_s < QUEUE_TIMEOUT_S
    assert "Not served: broken" in broken.log.read_text()


def test_requests_for_an_engine_that_does_not_start_wait_where_the_settings_say_so(patient: Up) -> None:
    def is_failing() -> bool:
        return bool(httpx.get(f"{patient.url}/ready", verify=False).json()["pools"]["sim"]["failing"])

    assert eventually(lambda: answers_ok(f"{patient.url}/health"), within_s=30)
    assert eventually(is_failing, within_s=30)
    with connected(patient.url) as client:
        error, took_s = unserved(client, "sim", stream=False)

    assert (error.status_code, error.code) == (503, "server_is_overloaded")
    assert took_s > QUEUE_TIMEOUT_S - 0.1


def failing_as_watched(up: Up, pool: str) -> str:
    """Why the ingress takes the pool to fail; "" where it does not."""
    pools: list[dict[str, str]] = httpx.get(f"{up.url}/v1/pools", verify=False).json()["data"]
    return next(one["failing"] for one in pools if one["id"] == pool)


def unserved(client: OpenAI, model: str, *, stream: bool) -> tuple[openai.APIStatusError, float]:
    asked_s = time.monotonic()
    with pytest.raises(openai.InternalServerError) as error:
        client.chat.completions.create(model=model, messages=says("Anybody?"), stream=stream)
    return error.value, time.monotonic() - asked_s


def start_failures(up: Up) -> float:
    counted = r'^penstock_engine_start_failures_total\{pool="broken"\} (\S+)'
    return max(
        (float(one) for text in figures(up, "worker") for one in re.findall(counted, text, re.MULTILINE)), default=0
    )


def figures(up: Up, role: str) -> Iterator[str]:
    """The metrics of every process of a role that serves them at the moment."""
    for port in set(re.findall(rf'"port": (\d+), "event": "metrics.served", "role": "{role}"', up.log.read_text())):
        with contextlib.suppress(httpx.TransportError):
            yield httpx.get(f"http://127.0.0.1:{port}/metrics").text
