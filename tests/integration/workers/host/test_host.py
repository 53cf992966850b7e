"""A real host with real worker processes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from penstock.broker.records import WorkerStatus, pool_status
from penstock.job import State
from penstock.worker_state import WorkerState
from tests.integration.broker.pool import POOL, Pool
from tests.integration.workers.workplace import DEADLINE_S, Ear, body, ended, text_of, tokens_of
from tests.waiting import is_alive
from workers.engine.simulated import SimulatedSettings

#: vLLM's import alone may take half of it.
START_S = 60.0
ENGINE = {"prefill_ms_base": 0.0, "prefill_us_per_token": 0.0, "itl_ms": 10.0, "allow_injection": True}


class HostProcess:
    """`penstock worker` with a configuration of its own."""

    def __init__(
        self, url: str, folder: Path, *, options: dict[str, Any], telemetry: dict[str, Any] | None = None, **pool: Any
    ) -> None:
        config = {
            "models": {"sim": {"pool": POOL}},
            "pools": {POOL: {"engine": "simulated", "workers": 1, "options": options, **pool}},
            "redis": {"url": url},
            "telemetry": telemetry or {},
        }
        file = folder / "penstock.yaml"
        file.write_text(yaml.safe_dump(config))
        self.log = folder / "worker.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "penstock.cli", "worker", "--config", str(file)], stderr=log
            )

    @property
    def workers(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
async def start(redis_url: str, tmp_path: Path) -> AsyncIterator[Callable[..., HostProcess]]:
    hosts: list[HostProcess] = []

    def start(*, options: dict[str, Any] | None = None, **pool: Any) -> HostProcess:
        hosts.append(HostProcess(redis_url, tmp_path, options={**ENGINE, **(options or {})}, **pool))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


Start = Callable[..., HostProcess]


async def worker_that(pool: Pool, condition: Callable[[WorkerStatus], bool]) -> tuple[str, WorkerStatus]:
    """Wait for a worker; returns its newest instance too."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for worker in (await pool_status(pool.broker, POOL)).workers:
                if condition(worker):
                    instance = await pool.redis.hget(pool.keys.workers, worker.name)
                    if instance is not None:
                        return instance.decode(), worker
            await asyncio.sleep(0.01)


async def ready(pool: Pool, count: int = 1) -> list[str]:
    async with asyncio.timeout(START_S):
        while len((await pool_status(pool.broker, POOL)).names(WorkerState.READY)) < count:
            await asyncio.sleep(0.01)
    return [instance.decode() for instance in (await pool.redis.hgetall(pool.keys.workers)).values()]


async def pid_of(pool: Pool, instance: str) -> int:
    return int(await pool.redis.hget(pool.keys.worker(instance), "pid") or 0)


async def test_a_host_serves_with_as_many_workers_as_it_is_told(start: Start, pool: Pool, ear: Ear) -> None:
    host = start(workers=2)
    raw = body(max_tokens=30)
    for instance in await ready(pool, 2):
        held = await pool.assigned(instance, body=raw, listeners=ear.stream)
        await ear.end(held.job)
        assert "".join(ear.heard(held.job).pieces) == text_of(raw, SimulatedSettings())
    assert len(host.workers) == 2


async def test_a_killed_worker_is_declared_lost_at_once_and_replaced(start: Start, pool: Pool, ear: Ear) -> None:
    host = start()
    (instance,) = await ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=500), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    pid = await pid_of(pool, instance)
    psutil.Process(pid).kill()
    began_s = time.monotonic()
    async with asyncio.timeout(DEADLINE_S):
        while await pool.redis.hget(pool.keys.worker(instance), "state") != b"lost":
            await asyncio.sleep(0.005)
    declared_s = time.monotonic() - began_s
    successor, status = await worker_that(pool, lambda worker: worker.state is WorkerState.READY)
    assert successor != instance
    assert status.failures == 1
    assert "killed by signal 9" in status.why
    assert declared_s < 1.0
    assert pid not in host.workers
    assert await pool.redis.xlen(pool.keys.journal(instance)) > 0


async def test_sigterm_drains_every_worker_and_ends_the_host(start: Start, pool: Pool, ear: Ear) -> None:
    host = start(workers=2, drain_grace_s=10.0)
    instances = await ready(pool, 2)
    raw = body(max_tokens=40)
    held = await pool.assigned(instances[0], body=raw, listeners=ear.stream)
    await ear.tokens(held.job, 1)
    host.process.send_signal(signal.SIGTERM)
    assert (await ear.end(held.job)).state == State.COMPLETED
    assert await asyncio.to_thread(host.process.wait, 10) == 0
    assert ear.heard(held.job).tokens == tokens_of(raw, SimulatedSettings())
    assert await pool.redis.smembers(pool.keys.instances) == set()


async def test_what_does_not_fit_into_the_grace_is_handed_back(start: Start, pool: Pool, ear: Ear) -> None:
    host = start(drain_grace_s=0.3)
    (instance,) = await ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=2000), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    host.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(host.process.wait, 10) == 0
    job = await pool.read(held.job)
    assert job.state is State.QUEUED
    assert job.prefix.tokens == ear.heard(held.job).tokens


async def test_a_killed_host_leaves_no_worker(start: Start, pool: Pool) -> None:
    host = start(workers=2)
    await ready(pool, 2)
    workers = host.workers
    host.process.kill()
    host.process.wait()
    async with asyncio.timeout(5):
        while any(map(is_alive, workers)):
            await asyncio.sleep(0.01)


async def test_an_engine_that_does_not_start_is_seen_and_tried_again(start: Start, pool: Pool) -> None:
    host = start(options={"fail_start": True})
    _, status = await worker_that(pool, lambda worker: worker.state is WorkerState.FAILED and worker.failures >= 2)
    assert status.why == "The simulated engine was told not to start."
    await worker_that(pool, lambda worker: worker.failures >= 3)
    assert host.process.poll() is None
    assert "engine.start_failed" in host.log.read_text()


async def test_sigterm_ends_a_host_whose_workers_wait_to_try_again(start: Start, pool: Pool) -> None:
    host = start(options={"fail_start": True})
    await worker_that(pool, lambda worker: worker.failures >= 4)
    host.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(host.process.wait, 3) == 0


async def test_a_crash_in_the_middle_of_a_token_loses_none_of_those_before(start: Start, pool: Pool, ear: Ear) -> None:
    start()
    (instance,) = await ready(pool)
    raw = body("#sim:crash_at=20", max_tokens=60)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    successor, _ = await worker_that(pool, lambda worker: worker.failures == 1 and worker.state is WorkerState.READY)
    heard = ear.heard(held.job)
    assert heard.tokens == tokens_of(raw, SimulatedSettings())[: len(heard.tokens)]
    assert 18 <= len(heard.tokens) <= 19
    quick = await ended(pool, (await pool.assigned(successor, body=body(max_tokens=2))).job)
    assert quick.state is State.COMPLETED


async def test_a_worker_stopped_past_its_lease_writes_nothing_more_and_begins_anew(
    start: Start, pool: Pool, ear: Ear
) -> None:
    start()
    (instance,) = await ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=2000), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    worker = psutil.Process(await pid_of(pool, instance))
    worker.suspend()
    await pool.lose(instance)
    written = await pool.redis.xlen(pool.keys.journal(instance))
    worker.resume()
    async with asyncio.timeout(DEADLINE_S):
        while (successor := (await ready(pool))[0]) == instance:
            await asyncio.sleep(0.01)
    assert await pid_of(pool, successor) == worker.pid
    assert await pool.redis.xlen(pool.keys.journal(instance)) == written
    raw = body(max_tokens=3)
    assert (await ended(pool, (await pool.assigned(successor, body=raw)).job)).state is State.COMPLETED


async def test_a_worker_that_ends_before_it_registers_waits_as_long_as_the_log_says(start: Start) -> None:
    with socket.socket() as taken:
        # The only port that its metrics may have.
        taken.bind(("127.0.0.1", 65535))
        host = start(telemetry={"worker_metrics_port": 65535})
        async with asyncio.timeout(START_S):
            while len(told(host, "child.started")) < 5:
                assert host.process.poll() is None
                await asyncio.sleep(0.05)
    pauses = [end["pause_s"] for end in told(host, "child.ended")][:4]
    assert pauses == [0.0, 0.5, 1.0, 2.0]
    for end, again in zip(told(host, "child.ended"), told(host, "child.started")[1:], strict=False):
        assert at_s(again) - at_s(end) >= end["pause_s"]
        assert "no free port for metrics from 65535 on" in end["why"]
    assert "Traceback" not in host.log.read_text()


async def test_a_worker_that_is_killed_while_it_waits_does_not_start_sooner(start: Start, pool: Pool) -> None:
    host = start(options={"fail_start": True})
    await worker_that(pool, lambda worker: worker.state is WorkerState.FAILED and worker.failures >= 4)
    psutil.Process(host.workers[0]).kill()
    async with asyncio.timeout(START_S):
        while not any("killed by signal 9" in end["why"] for end in told(host, "child.ended")):
            await asyncio.sleep(0.02)
    (killed,) = [end for end in told(host, "child.ended") if "killed by signal 9" in end["why"]]
    async with asyncio.timeout(START_S):
        while not (again := [one for one in told(host, "child.started") if at_s(one) > at_s(killed)]):
            await asyncio.sleep(0.02)
    assert at_s(again[0]) - at_s(killed) >= killed["pause_s"] >= 4.0


def told(host: HostProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in host.log.read_text().splitlines() if line.endswith("}")]
    return [line for line in lines if line["event"] == event]


def at_s(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()
