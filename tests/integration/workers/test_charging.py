"""A worker's loss is charged to the job that it was looking at, and not to those beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.job import State
from penstock.request import Sampling
from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker
from tests.integration.scheduler.stage import pool_settings, scheduling
from tests.integration.workers.host.test_host import HostProcess, ready
from tests.integration.workers.workplace import DEADLINE_S, QUICK, Ear, Hand, body, ended, text_of
from workers.engine.simulated import SimulatedEngine, SimulatedSettings

Hire = Callable[..., Hand]
FORM: dict[str, Any] = {"response_format": {"type": "json_object"}}
OPTIONS: dict[str, Any] = {"prefill_ms_base": 0.0, "prefill_us_per_token": 0.0, "itl_ms": 20.0, "allow_injection": True}
#: Looked at off the loop, whatever it says.
LARGE: dict[str, Any] = {"metadata": {"note": "x" * 20_000}}
MAX_LOSSES = 2


@pytest.mark.parametrize("kind", ["crash", "hang"])
async def test_a_job_that_ends_its_workers_takes_no_neighbour_along(
    redis_url: str, tmp_path: Path, broker: OpenBroker, ear: Ear, kind: str
) -> None:
    pool = Pool(broker)
    host = HostProcess(redis_url, tmp_path, options=OPTIONS, engine_stall_s=0.5)
    beside = body("a neighbour", max_tokens=400)
    hostile = body(f"#sim:{kind}_at=1", max_tokens=100, **LARGE)
    try:
        await ready(pool)
        async with scheduling(pool.broker, settings=pool_settings(max_losses=MAX_LOSSES)):
            neighbour = await pool.queued(body=beside, listeners=ear.stream)
            await ear.tokens(neighbour, 3)
            culprit = await pool.queued(body=hostile)
            assert (await ended(pool, culprit)).state is State.DEAD_LETTERED
            await ear.end(neighbour)
    finally:
        host.close()
    assert "".join(ear.heard(neighbour).pieces) == text_of(beside, SimulatedSettings(**OPTIONS))
    assert (await pool.read(neighbour)).losses == 0
    assert (await pool.read(culprit)).losses == MAX_LOSSES


@pytest.mark.parametrize("kind", ["crash", "hang"])
async def test_a_short_job_that_ends_its_workers_takes_none_of_those_along_that_begin_beside_it(
    redis_url: str, tmp_path: Path, broker: OpenBroker, ear: Ear, kind: str
) -> None:
    pool = Pool(broker)
    # Short requests are not looked at one by one: all of them are charged, until one loss more gives them up.
    bodies = [body(f"innocent {number}", max_tokens=30) for number in range(6)]
    async with scheduling(pool.broker, settings=pool_settings(max_losses=MAX_LOSSES + 1)):
        innocents = [await pool.queued(body=one, listeners=ear.stream) for one in bodies[:3]]
        culprit = await pool.queued(body=body(f"#sim:{kind}_at=1", max_tokens=30))
        innocents += [await pool.queued(body=one, listeners=ear.stream) for one in bodies[3:]]
        host = HostProcess(redis_url, tmp_path, options={**OPTIONS, "prefill_ms_base": 20.0}, engine_stall_s=0.5)
        try:
            assert (await ended(pool, culprit)).state is State.DEAD_LETTERED
            for one in innocents:
                await ear.end(one)
        finally:
            host.close()
    heard = ["".join(ear.heard(one).pieces) for one in innocents]
    assert heard == [text_of(one, SimulatedSettings(**OPTIONS)) for one in bodies]
    assert (await pool.read(culprit)).losses == MAX_LOSSES + 1
    assert max([(await pool.read(one)).losses for one in innocents]) == MAX_LOSSES


class SlowToCheck(SimulatedEngine):
    """Takes for ever to see whether a form can be enforced."""

    def __init__(self) -> None:
        super().__init__(QUICK)
        self.begun = asyncio.Event()
        self.given_up = asyncio.Event()

    async def check(self, sampling: Sampling) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise


async def test_what_is_looked_at_is_told_before_and_left_when_its_job_is_cancelled(
    hire: Hire, pool: Pool, ear: Ear
) -> None:
    engine = SlowToCheck()
    hand = hire(engine=engine, heartbeat_s=60.0, engine_stall_s=0.2)
    instance = await hand.ready(pool)
    held = await pool.assigned(instance, body=body(**FORM), listeners=ear.stream)
    async with asyncio.timeout(DEADLINE_S):
        await engine.begun.wait()
    assert await pool.redis.hget(pool.keys.worker(instance), "checking") == held.job.encode()
    other = await pool.assigned(instance, body=body(max_tokens=200))
    assert (await ended(pool, other.job)).state is State.COMPLETED
    assert not hand.life.done(), "an engine that was not given work yet does not hang"
    await pool.request_cancel(held.job, instance)
    async with asyncio.timeout(DEADLINE_S):
        await engine.given_up.wait()
    assert (await ended(pool, held.job)).state is State.CANCELLED
