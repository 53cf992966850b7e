"""Listeners leave a job: who is left, and when a job counts as unwanted."""

from __future__ import annotations

from penstock.broker import submission
from penstock.broker.submission import OnlyIf
from penstock.job import State
from tests.integration.broker.pool import POOL, Pool


async def _leave(pool: Pool, job_id: str, *listeners: str) -> str:
    return await pool.broker.run(submission.leave(POOL, job_id, listeners))


async def test_the_last_who_leaves_hears_that_nobody_wants_the_job(pool: Pool) -> None:
    job_id = await pool.queued(listeners="s:a,f:b,s:b")
    assert await _leave(pool, job_id, "s:a", "f:a") == "wanted"
    assert (await pool.read(job_id)).listeners == "f:b,s:b"
    assert await _leave(pool, job_id, "s:b", "f:b") == "unwanted"
    assert (await pool.read(job_id)).listeners == ""


async def test_leaving_twice_is_leaving_once(pool: Pool) -> None:
    job_id = await pool.queued(listeners="s:a")
    assert [await _leave(pool, job_id, "s:a") for _ in range(2)] == ["unwanted"] * 2


async def test_leaving_what_has_ended_or_is_gone_writes_nothing(pool: Pool) -> None:
    held = await pool.running("w.1", listeners="s:a")
    await pool.finish("w.1", held)
    before = await pool.read(held.job)
    assert await _leave(pool, held.job, "s:a") == "ended"
    assert await pool.read(held.job) == before
    assert await _leave(pool, "sim-0", "s:a") == "ended"
    assert not await pool.redis.exists(pool.keys.job("sim-0"))


async def test_a_job_is_cancelled_as_unwanted_only_if_it_has_no_listener(pool: Pool) -> None:
    waiting = await pool.queued(listeners="s:b")
    held = await pool.running("w.1", listeners="s:b")
    assert await pool.withdraw(waiting, State.CANCELLED, only_if=OnlyIf.UNWANTED) == "wanted"
    assert await pool.request_cancel(held.job, "w.1", only_if=OnlyIf.UNWANTED) == "wanted"
    assert (await pool.state(waiting), await pool.state(held.job)) == (State.QUEUED, State.RUNNING)
    assert await pool.control("w.1") == []
    for job_id in (waiting, held.job):
        await _leave(pool, job_id, "s:b")
    assert await pool.withdraw(waiting, State.CANCELLED, only_if=OnlyIf.UNWANTED) == "withdrawn"
    assert await pool.request_cancel(held.job, "w.1", only_if=OnlyIf.UNWANTED) == "requested"
