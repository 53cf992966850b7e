"""From the lanes to the workers: in order, to the least loaded, and no more than they can hold."""

from __future__ import annotations

import asyncio

from penstock.broker import observing
from penstock.frames import encode_generated
from penstock.job import State
from penstock.job_class import JobClass
from tests.eventual import until
from tests.integration.broker.pool import Pool, tokens
from tests.integration.scheduler.stage import StageWorker, inbox_of, scheduling, working


async def test_a_job_that_comes_while_all_is_quiet_is_assigned_at_once(pool: Pool) -> None:
    async with working(pool, "w.1"), scheduling(pool.broker):
        job_id = await pool.queued()
        (held,) = await inbox_of(pool, "w.1", 1)
    assert held.job == job_id
    assert await pool.state(job_id) is State.ASSIGNED


async def test_interrupted_jobs_go_first_and_then_class_by_class(pool: Pool) -> None:
    batch = await pool.queued(job_class=JobClass.BATCH)
    standard = [await _queued_later(pool, tenant) for tenant in ("a", "b", "a")]
    interactive = await pool.queued(job_class=JobClass.INTERACTIVE)
    interrupted = await pool.queued(job_class=JobClass.BATCH, prefix=encode_generated(tokens(2)))
    async with working(pool, "w.1", slots=8), scheduling(pool.broker):
        held = await inbox_of(pool, "w.1", 6)
    assert [one.job for one in held] == [interrupted, interactive, *standard, batch]


async def test_a_long_lane_is_served_in_its_order_to_the_last_job(pool: Pool) -> None:
    jobs = [await pool.queued() for _ in range(300)]
    async with working(pool, "w.1", slots=1000), scheduling(pool.broker):
        held = await inbox_of(pool, "w.1", 300)
    assert [one.job for one in held] == jobs


async def test_work_spreads_over_the_workers_by_their_load(pool: Pool) -> None:
    for _ in range(6):
        await pool.queued()
    async with working(pool, "small.1", slots=2), working(pool, "large.1", slots=4), scheduling(pool.broker):
        small = await inbox_of(pool, "small.1", 2)
        large = await inbox_of(pool, "large.1", 4)
    assert (len(small), len(large)) == (2, 4)


async def test_what_finds_no_free_slot_waits_for_one(pool: Pool) -> None:
    first, second = await pool.queued(), await pool.queued()
    async with working(pool, "w.1", slots=1), scheduling(pool.broker):
        (held,) = await inbox_of(pool, "w.1", 1)
        assert (held.job, await pool.state(second)) == (first, State.QUEUED)
        await pool.claim("w.1", held)
        await pool.finish("w.1", held)
        (held,) = await inbox_of(pool, "w.1", 1)
    assert held.job == second


async def test_a_worker_that_becomes_ready_is_given_what_waits(pool: Pool) -> None:
    worker = StageWorker(pool, "w.1")
    worker.state = "starting"
    await worker.start()
    job_id = await pool.queued()
    async with scheduling(pool.broker):
        await until(lambda: _is_led(pool))
        assert await pool.state(job_id) is State.QUEUED
        worker.state = "ready"
        (held,) = await inbox_of(pool, "w.1", 1)
    await worker.fall_silent()
    assert held.job == job_id


async def test_a_job_that_was_withdrawn_is_not_assigned(pool: Pool) -> None:
    gone, stays = await pool.queued(), await pool.queued()
    await pool.withdraw(gone, State.CANCELLED)
    async with working(pool, "w.1"), scheduling(pool.broker):
        (held,) = await inbox_of(pool, "w.1", 1)
    assert held.job == stays


async def test_many_clients_at_once_lose_nothing(pool: Pool) -> None:
    async with working(pool, "a.1", slots=100), working(pool, "b.1", slots=100), scheduling(pool.broker):
        jobs = await asyncio.gather(*(pool.queued(tenant=f"t{number % 5}") for number in range(120)))

        async def all_are_held() -> bool:
            return len(await pool.inbox("a.1")) + len(await pool.inbox("b.1")) == len(jobs)

        await until(all_are_held)
        held = {one.job for one in await pool.inbox("a.1") + await pool.inbox("b.1")}
    assert held == set(jobs)
    assert await pool.redis.hgetall(pool.keys.lane_counts) == {}


async def _queued_later(pool: Pool, tenant: str) -> str:
    """A job that comes a millisecond after all before: lanes are compared by their entries' times."""
    now_ms = await pool.broker.ask(observing.clock_ms())

    async def time_has_passed() -> bool:
        return await pool.broker.ask(observing.clock_ms()) > now_ms

    await until(time_has_passed)
    return await pool.queued(tenant=tenant)


async def _is_led(pool: Pool) -> bool:
    return bool(await pool.redis.exists(pool.keys.leader))


async def test_what_was_accepted_is_assigned_though_redis_takes_no_more(pool: Pool) -> None:
    job_id = await pool.queued()
    async with working(pool, "w.1"):
        await pool.redis.config_set("maxmemory", 1)
        async with scheduling(pool.broker):
            (held,) = await inbox_of(pool, "w.1", 1)
    assert held.job == job_id
