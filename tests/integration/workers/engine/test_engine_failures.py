"""Engines that do not start, die, or hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from penstock.errors import EngineDeadError, EngineStartError
from penstock.job import State
from tests.integration.broker.pool import Pool
from tests.integration.workers.workplace import SLOW, Ear, Hand, body, engine, state_of, until
from workers.engine.simulated import SimulatedEngine, SimulatedSettings
from workers.history import Cause, History

Hire = Callable[..., Hand]


async def test_an_engine_that_does_not_start_ends_the_worker_with_its_reason(hire: Hire, pool: Pool) -> None:
    hand = hire(engine=SimulatedEngine(SimulatedSettings(fail_start=True)))
    with pytest.raises(EngineStartError):
        await hand.life
    assert hand.notes.failures == [(Cause.ENGINE_START, "The simulated engine was told not to start.")]
    assert await state_of(pool, hand.instance) == "lost"


async def test_a_worker_that_failed_before_says_so_while_it_waits(hire: Hire, pool: Pool) -> None:
    hand = hire(history=History(failures=4, why="no memory"))
    await until(lambda: bool(hand.notes.instances))
    record: dict[bytes, bytes] = await pool.redis.hgetall(pool.keys.worker(hand.instance))
    assert (record[b"state"], record[b"failures"], record[b"why"]) == (b"failed", b"4", b"no memory")
    assert not hand.notes.is_ready
    await hand.drain()


@pytest.mark.parametrize(("kind", "settings"), [("die", {}), ("hang", {"engine_stall_s": 0.6})])
async def test_a_dead_engines_jobs_are_left_to_recovery_with_all_their_tokens(
    hire: Hire, pool: Pool, ear: Ear, kind: str, settings: dict[str, Any]
) -> None:
    hand = hire(engine=engine(SLOW), **settings)
    instance = await hand.ready(pool)
    raw = body(f"#sim:{kind}_at=6", max_tokens=100)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    with pytest.raises(EngineDeadError):
        await hand.life
    assert hand.notes.failures[0][0] is Cause.ENGINE_DEATH
    assert await state_of(pool, instance) == "lost"
    assert await pool.state(held.job) is State.RUNNING
    assert len(ear.heard(held.job).tokens) == 5
    assert await pool.redis.xlen(pool.keys.journal(instance)) > 0


async def test_an_idle_engine_is_not_a_hanging_one(hire: Hire, pool: Pool) -> None:
    hand = hire(engine_stall_s=0.3)
    await hand.ready(pool)
    await asyncio.sleep(1.0)
    assert not hand.life.done()


async def test_an_engine_that_dies_while_draining_does_not_use_up_the_grace(hire: Hire, pool: Pool, ear: Ear) -> None:
    hand = hire(engine=engine(SLOW), drain_grace_s=60.0)
    instance = await hand.ready(pool)
    held = await pool.assigned(instance, body=body("#sim:die_at=8", max_tokens=100), listeners=ear.stream)
    await ear.tokens(held.job, 2)
    async with asyncio.timeout(5):
        await hand.drain()
    job = await pool.read(held.job)
    assert (job.state, len(job.prefix.tokens)) == (State.QUEUED, 7)
