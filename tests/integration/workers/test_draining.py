"""Leaving in order: SIGTERM as the worker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penstock.frames import Generated, encode_generated
from penstock.job import State
from tests.integration.broker.pool import Pool
from tests.integration.workers.workplace import SLOW, Ear, Hand, body, engine, state_of, text_of
from workers.engine.base import EngineInfo, StepSink
from workers.engine.simulated import SimulatedEngine

Hire = Callable[..., Hand]


async def test_a_draining_worker_finishes_what_fits_into_its_grace(hire: Hire, pool: Pool, ear: Ear) -> None:
    hand = hire(engine=engine(SLOW))
    instance = await hand.ready(pool)
    raw = body(max_tokens=20)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    await ear.tokens(held.job, 1)
    await hand.drain()
    assert await pool.state(held.job) is State.COMPLETED
    assert "".join(ear.heard(held.job).pieces) == text_of(raw)


async def test_a_drained_worker_leaves_nothing_behind(hire: Hire, pool: Pool) -> None:
    hand = hire()
    instance = await hand.ready(pool)
    await hand.drain()
    keys = pool.keys
    left = await pool.redis.exists(
        keys.worker(instance), keys.inbox(instance), keys.control(instance), keys.journal(instance)
    )
    assert left == 0
    assert await pool.redis.smembers(keys.instances) == set()
    assert await pool.redis.hgetall(keys.workers) == {}


async def test_an_idle_worker_leaves_at_once(hire: Hire, pool: Pool) -> None:
    hand = hire(drain_grace_s=60.0)
    await hand.ready(pool)
    async with asyncio.timeout(1.5):
        await hand.drain()


async def test_a_draining_worker_says_so_and_is_given_nothing(hire: Hire, pool: Pool, ear: Ear) -> None:
    hand = hire(engine=engine(SLOW))
    instance = await hand.ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=100), listeners=ear.stream)
    await ear.tokens(held.job, 1)
    hand.stop.set()
    async with asyncio.timeout(5):
        while await state_of(pool, instance) != "draining":
            await asyncio.sleep(0.005)
    assert await pool.try_assign(await pool.queued(), instance) == "worker_gone"
    assert (await ear.end(held.job)).state == State.COMPLETED


async def test_what_was_assigned_and_not_begun_goes_back_with_what_others_generated(
    hire: Hire, pool: Pool, ear: Ear
) -> None:
    hand = hire(engine=engine(SLOW))
    instance = await hand.ready(pool)
    busy = await pool.assigned(instance, body=body(max_tokens=30), listeners=ear.stream)
    await ear.tokens(busy.job, 1)
    prefix = Generated([300, 301], ["a", "b"])
    late = await pool.queued(body=body(max_tokens=30), prefix=encode_generated(prefix))
    hand.stop.set()
    # Before its record says that it drains, the scheduler may still assign.
    await pool.redis.hset(pool.keys.worker(instance), "state", "ready")
    await pool.try_assign(late, instance)
    await hand.drain()
    job = await pool.read(late)
    assert (job.state, job.prefix) == (State.QUEUED, prefix)
    assert await pool.state(busy.job) is State.COMPLETED


class Sleeper(SimulatedEngine):
    """Never comes up."""

    async def start(self, sink: StepSink) -> EngineInfo:
        await asyncio.Event().wait()
        return await super().start(sink)


async def test_a_worker_told_to_stop_while_its_engine_starts_just_leaves(hire: Hire, pool: Pool) -> None:
    hand = hire(engine=Sleeper(SLOW))
    async with asyncio.timeout(5):
        while not hand.notes.instances:
            await asyncio.sleep(0.005)
    await hand.drain()
    assert await state_of(pool, hand.instance) == ""
