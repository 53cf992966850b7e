"""A worker that was declared lost, and what else may befall its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penstock.job import State
from tests.integration.broker.pool import Pool
from tests.integration.workers.workplace import SLOW, Ear, Hand, body, ended, engine, state_of, text_of, until

Hire = Callable[..., Hand]


async def test_a_fenced_worker_registers_anew_and_serves_with_the_same_engine(hire: Hire, pool: Pool, ear: Ear) -> None:
    slow = engine(SLOW)
    hand = hire(engine=slow)
    first = await hand.ready(pool)
    held = await pool.assigned(first, body=body(max_tokens=2000), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    await pool.lose(first)
    await until(lambda: hand.instance != first)
    await until(lambda: slow.stats().running == 0)
    second = await hand.ready(pool)
    raw = body("again", max_tokens=5)
    job = await ended(pool, (await pool.assigned(second, body=raw)).job)
    assert job.result is not None
    assert "".join(job.result.generated.pieces) == text_of(raw)
    assert await pool.state(held.job) is State.RUNNING, "the lost job is the reaper's matter"


async def test_nothing_a_fenced_worker_says_reaches_a_client_or_the_journal(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=500), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    await pool.lose(instance)
    written = await pool.redis.xlen(pool.keys.journal(instance))
    heard = len(ear.heard(held.job).tokens)
    await asyncio.sleep(0.2)
    assert await pool.redis.xlen(pool.keys.journal(instance)) == written
    assert len(ear.heard(held.job).tokens) <= heard + 1, "at most the frame that was on its way"


async def test_a_worker_whose_record_vanished_registers_anew(hire: Hire, pool: Pool) -> None:
    hand = hire()
    await hand.ready(pool)
    await pool.redis.flushall()
    await until(lambda: len(hand.notes.instances) == 2)
    await hand.ready(pool)


async def test_a_beat_says_how_the_engine_is(hire: Hire, pool: Pool) -> None:
    hand = hire(engine=engine(SLOW), heartbeat_s=0.05)
    instance = await hand.ready(pool)
    await pool.assigned(instance, body=body(max_tokens=200))

    fields: dict[bytes, bytes] = {b"stats": b""}
    async with asyncio.timeout(5):
        while b'"running":1' not in fields[b"stats"]:
            await asyncio.sleep(0.02)
            fields = await pool.redis.hgetall(pool.keys.worker(instance))
    assert (fields[b"slots"], fields[b"max_model_len"], fields[b"engine"]) == (b"64", b"8192", b"simulated 1")


async def test_losing_a_worker_twice_is_the_same_as_once(hire: Hire, pool: Pool) -> None:
    hand = hire()
    first = await hand.ready(pool)
    await pool.lose(first)
    await until(lambda: hand.instance != first)
    await pool.lose(first)
    second = await hand.ready(pool)
    assert await state_of(pool, second) == "ready"
