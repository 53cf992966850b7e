"""Deadlines: of waiting, and of running."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.broker import holding, observing
from penstock.broker.query import Query
from penstock.broker.trouble import Duty
from penstock.frames import encode_generated
from penstock.job import State
from scheduler.expiry import Expiry
from scheduler.term import Term
from tests.eventual import until
from tests.integration.broker.pool import LEADER, POOL, Pool, tokens
from tests.integration.scheduler.stage import inbox_of, listening, pool_settings, scheduling, working


async def test_a_job_that_no_worker_takes_in_time_expires_and_its_client_hears_why(pool: Pool) -> None:
    async with scheduling(pool.broker), listening(pool.broker, "ears") as heard:
        job_id = await pool.queued(queue_timeout_ms=200, listeners="s:ears")
        last = await heard()
    assert (last.job, last.fence, last.offset) == (job_id, 0, 0)
    assert last.end is not None
    assert last.end.failure is not None
    assert last.end.state == State.EXPIRED
    assert last.end.failure.error == "OverloadedError"
    assert "within 0.2 s" in last.end.failure.message
    job = await pool.read(job_id)
    assert (job.state, job.entry) == (State.EXPIRED, "")
    assert not await pool.redis.exists(pool.keys.lane_counts, pool.keys.live)


async def test_what_an_expired_job_had_generated_is_kept(pool: Pool) -> None:
    job_id = await pool.queued(queue_timeout_ms=1, prefix=encode_generated(tokens(3)), listeners="f:ears")
    async with listening(pool.broker, "ears") as heard, scheduling(pool.broker):
        last = await heard()
    assert (last.offset, last.tokens) == (0, tokens(3).tokens)
    job = await pool.read(job_id)
    assert job.result is not None
    assert job.result.generated == tokens(3)


async def test_many_that_expire_together_all_end(pool: Pool) -> None:
    jobs = [await pool.queued(queue_timeout_ms=1) for _ in range(250)]
    async with scheduling(pool.broker):
        await until(lambda: _none_live(pool))
    assert {await pool.state(job_id) for job_id in jobs} == {State.EXPIRED}


async def test_a_job_that_runs_too_long_is_ended_and_its_worker_told(pool: Pool) -> None:
    async with scheduling(pool.broker), listening(pool.broker, "ears") as heard, working(pool, "w.1") as worker:
        job_id = await pool.queued(run_timeout_ms=300, listeners="s:ears")
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.claim("w.1", held)
        await worker.generate(held, 0, tokens(2))
        last = await heard()
        assert last.offset == 2
        assert last.end is not None
        assert last.end.failure is not None
        assert (last.end.state, last.end.failure.error) == (State.FAILED, "RunTimeoutError")
        assert await pool.inbox("w.1") == []
        assert await pool.control("w.1") == [{b"cancel": job_id.encode(), b"fence": b"1"}]
        assert await pool.finish("w.1", held) == "stale"
    job = await pool.read(job_id)
    assert job.result is not None
    assert (job.state, job.result.generated) == (State.FAILED, tokens(2))


async def test_a_job_that_is_assigned_as_its_wait_ends_has_not_run_too_long(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await pool.lead()
    assert await pool.register("w.1") == "registered"
    late, overdue = await pool.queued(queue_timeout_ms=1), await pool.queued(queue_timeout_ms=1)
    await until(lambda: _are_overdue(pool, 2))
    ask = pool.broker.ask

    async def ask_and_assign(query: Query[Any]) -> Any:
        found = await ask(query)
        # By the millisecond of their deadlines, which may be the same.
        if isinstance(found, list) and sorted(found) == sorted((late, overdue)):
            await pool.assign(late, "w.1")
        return found

    monkeypatch.setattr(pool.broker, "ask", ask_and_assign)
    term = Term(pool=POOL, token=LEADER, broker=pool.broker, settings=pool_settings())
    await Expiry(term, term.trouble(Duty.EXPIRE)).sweep()
    assert await pool.state(late) is State.ASSIGNED
    assert await pool.state(overdue) is State.EXPIRED
    assert [held.job for held in await pool.inbox("w.1")] == [late]


async def test_strays_at_the_head_do_not_hide_who_is_overdue_behind_them(pool: Pool) -> None:
    await pool.redis.zadd(pool.keys.live, {f"sim-{number}": number for number in range(150)})
    job_id = await pool.queued(queue_timeout_ms=1)
    async with scheduling(pool.broker):
        await until(lambda: _none_live(pool))
    assert await pool.state(job_id) is State.EXPIRED


async def test_the_overdue_job_of_a_lost_worker_is_left_to_the_reaper(pool: Pool) -> None:
    async with working(pool, "w.1"), scheduling(pool.broker):
        job_id = await pool.queued(run_timeout_ms=50)
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.lose("w.1")
        await until(lambda: _is_queued(pool, job_id))
    assert await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(1))) == "fenced"


async def _are_overdue(pool: Pool, count: int) -> bool:
    now_ms = await pool.broker.ask(observing.clock_ms())
    found = await pool.broker.ask(observing.overdue(POOL, now_ms, 0, count))
    return len(found) == count


async def _none_live(pool: Pool) -> bool:
    return not await pool.redis.exists(pool.keys.live)


async def _is_queued(pool: Pool, job_id: str) -> bool:
    return await pool.state(job_id) is State.QUEUED
