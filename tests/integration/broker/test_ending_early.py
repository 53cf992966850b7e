"""Cancelling and expiring, wherever the job is by then."""

from __future__ import annotations

import asyncio

import pytest

from penstock.broker.holding import Claimed
from penstock.job import RESUME_LANE, State
from tests.integration.broker.pool import Pool, result


async def _request(pool: Pool, job_id: str, instance: str) -> str:
    return await pool.request_cancel(job_id, instance)


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
async def test_a_waiting_job_ends_at_once_and_leaves_its_lane(pool: Pool, state: State) -> None:
    other = await pool.queued()
    job_id = await pool.queued(result_ttl_ms=5000)
    assert await pool.withdraw(job_id, state) == "withdrawn"
    job = await pool.read(job_id)
    assert (job.state, job.result, job.entry) == (state, result(state), "")
    assert 0 < await pool.redis.pttl(pool.keys.job(job_id)) <= 5000
    assert await pool.redis.zrange(pool.keys.live, 0, -1) == [other.encode()]
    assert await pool.redis.hgetall(pool.keys.lane_counts) == {b"standard:acme": b"1"}


async def test_the_last_to_leave_takes_the_lane_along(pool: Pool) -> None:
    job_id = await pool.queued()
    await pool.withdraw(job_id, State.CANCELLED)
    for key in (pool.keys.lane("standard:acme"), pool.keys.lane_counts, pool.keys.lane_bytes, pool.keys.live):
        assert not await pool.redis.exists(key)


async def test_those_who_wait_hear_of_the_end(pool: Pool) -> None:
    job_id = await pool.queued()
    async with pool.redis.pubsub() as ears:
        await ears.subscribe("channel")
        await pool.withdraw(job_id, State.CANCELLED)
        async with asyncio.timeout(5):
            while not (message := await ears.get_message(ignore_subscribe_messages=True, timeout=1)):
                pass
    assert message["data"] == b"last"


async def test_withdrawing_twice_ends_it_once(pool: Pool) -> None:
    job_id = await pool.queued()
    await pool.withdraw(job_id, State.CANCELLED)
    before = await pool.read(job_id)
    assert await pool.withdraw(job_id, State.CANCELLED) == "repeated"
    assert await pool.withdraw(job_id, State.EXPIRED) == "moved"
    assert await pool.read(job_id) == before


async def test_nothing_expires_before_its_deadline(pool: Pool) -> None:
    job_id = await pool.queued()
    assert await pool.withdraw(job_id, State.EXPIRED, overdue=True) == "early"
    assert await pool.state(job_id) is State.QUEUED


async def test_what_is_overdue_expires(pool: Pool) -> None:
    job_id = await pool.queued(queue_timeout_ms=0)
    assert await pool.withdraw(job_id, State.EXPIRED, overdue=True) == "withdrawn"


async def test_a_job_that_was_taken_meanwhile_is_not_withdrawn(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    assert await pool.withdraw(held.job, State.CANCELLED) == "moved"
    await pool.hand_back("w.1", held)
    assert await pool.withdraw(held.job, State.CANCELLED, lane="standard:acme") == "moved"
    assert await pool.withdraw(held.job, State.CANCELLED, lane=RESUME_LANE) == "withdrawn"


async def test_withdrawing_a_job_whose_record_is_gone_strikes_it_off_the_live(pool: Pool) -> None:
    job_id = await pool.queued()
    await pool.redis.delete(pool.keys.job(job_id))
    assert await pool.withdraw(job_id, State.EXPIRED, lane="standard:acme") == "missing"
    assert await pool.redis.zscore(pool.keys.live, job_id) is None
    assert not await pool.redis.exists(pool.keys.job(job_id))


async def test_the_worker_that_holds_a_job_is_asked_to_end_it(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await _request(pool, held.job, "w.1") == "requested"
    assert await pool.control("w.1") == [{b"cancel": held.job.encode(), b"fence": b"1"}]
    assert (await pool.read(held.job)).cancel_requested


async def test_the_wish_outlives_the_worker_that_was_asked(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    await _request(pool, held.job, "w.1")
    await pool.hand_back("w.1", held)
    claimed = await pool.claim("w.1", await pool.assign(held.job, "w.1"))
    assert isinstance(claimed, Claimed)
    assert claimed.cancel


async def test_another_worker_is_not_asked(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await _request(pool, held.job, "x.1") == "moved"
    assert await _request(pool, await pool.queued(), "w.1") == "moved"
    assert not (await pool.read(held.job)).cancel_requested


async def test_an_ended_job_needs_no_end(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    assert await _request(pool, held.job, "w.1") == "ended"
    assert await _request(pool, "sim-0", "w.1") == "ended"
    assert not await pool.redis.exists(pool.keys.job("sim-0"))
