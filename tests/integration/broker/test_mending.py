"""Records and streams that disagree are brought together again."""

from __future__ import annotations

from penstock.broker import mending
from penstock.broker.holding import Held
from penstock.job import Job, State
from tests.integration.broker.pool import LEADER, POOL, Pool

STRANGER = "scheduler:0"


async def _restore(pool: Pool, job: Job, *, token: str = LEADER) -> str:
    return await pool.broker.run(mending.restore(POOL, token, job.id, job.lane, job.entry))


async def _sweep_lane(pool: Pool, *entries: tuple[str, str], token: str = LEADER) -> int:
    return await pool.broker.run(mending.sweep_lane(POOL, token, "standard:acme", entries))


async def _sweep_inbox(pool: Pool, *held: Held, token: str = LEADER) -> int:
    return await pool.broker.run(mending.sweep_inbox(POOL, token, "w.1", held))


async def _drop_lane(pool: Pool) -> None:
    keys = pool.keys
    await pool.redis.delete(keys.lane("standard:acme"), keys.lane_counts, keys.lane_bytes)


async def _counts(pool: Pool) -> tuple[bytes | None, bytes | None]:
    keys = pool.keys
    return (
        await pool.redis.hget(keys.lane_counts, "standard:acme"),
        await pool.redis.hget(keys.lane_bytes, "standard:acme"),
    )


async def test_a_job_that_its_lane_lost_is_put_back(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    await _drop_lane(pool)
    assert await _restore(pool, job) == "restored"
    assert await _restore(pool, job) == "stale"
    assert await _counts(pool) == (b"1", b"16")
    assert await pool.try_assign(job.id, "w.1") == "assigned"


async def test_a_job_that_waits_where_it_should_is_left_alone(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    assert await _restore(pool, job) == "stale"
    assert await _counts(pool) == (b"1", b"16")


async def test_another_job_at_the_same_entry_is_not_taken_for_it(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    await _drop_lane(pool)
    await pool.redis.xadd(pool.keys.lane("standard:acme"), {"j": "sim-0", "d": 1, "b": 1}, id=job.entry)
    assert await _restore(pool, job) == "restored"
    assert (await pool.read(job.id)).entry != job.entry


async def test_a_job_that_has_gone_on_is_not_put_back(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    await pool.assign(job.id, "w.1")
    assert await _restore(pool, job) == "stale"


async def test_only_the_leader_mends(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    assert await _restore(pool, job, token=STRANGER) == "not_leader"
    assert await _sweep_lane(pool, (job.id, "1-0"), token=STRANGER) == 0
    assert await _sweep_inbox(pool, held, token=STRANGER) == 0
    assert await pool.broker.run(mending.unlist(POOL, STRANGER, held.job)) == "not_leader"


async def test_entries_of_jobs_that_do_not_wait_there_are_swept_out(pool: Pool) -> None:
    kept = await pool.read(await pool.queued(body=b"x" * 10))
    gone = await pool.read(await pool.queued(body=b"x" * 20))
    twice = await pool.redis.xadd(pool.keys.lane(kept.lane), {"j": kept.id, "d": 1, "b": 10})
    await pool.redis.hincrby(pool.keys.lane_counts, kept.lane, 1)
    await pool.redis.hincrby(pool.keys.lane_bytes, kept.lane, 10)
    await pool.redis.delete(pool.keys.job(gone.id))
    entries = [(kept.id, kept.entry), (gone.id, gone.entry), (kept.id, twice.decode())]
    assert await _sweep_lane(pool, *entries) == 2
    assert await _counts(pool) == (b"1", b"10")
    assert await pool.try_assign(kept.id, "w.1") == "assigned"


async def test_what_left_its_lane_since_it_was_read_is_no_finding(pool: Pool) -> None:
    """A pass reads a page of jobs, and they are assigned, and end, while it looks at them."""
    job = await pool.read(await pool.queued())
    assert await pool.try_assign(job.id, "w.1") == "assigned"
    assert await _sweep_lane(pool, (job.id, job.entry)) == 0


async def test_a_count_that_drifted_is_corrected(pool: Pool) -> None:
    await pool.queued()
    await pool.redis.hincrby(pool.keys.lane_counts, "standard:acme", 5)
    assert await _sweep_lane(pool) == 0
    assert await _counts(pool) == (b"1", b"16")


async def test_counts_of_an_empty_lane_are_dropped(pool: Pool) -> None:
    await pool.redis.hset(pool.keys.lane_counts, "standard:acme", 5)
    await _sweep_lane(pool)
    assert await _counts(pool) == (None, None)


async def test_inbox_entries_that_stand_for_no_job_are_swept_out(pool: Pool) -> None:
    await pool.register("x.1")
    running, elsewhere, ended = await pool.running("w.1"), await pool.running("w.1"), await pool.running("w.1")
    await pool.hand_back("w.1", elsewhere)
    await pool.assign(elsewhere.job, "x.1")
    await pool.finish("w.1", ended)
    leftovers = []
    for held in (elsewhere, ended, Held("sim-0", 1, "")):
        entry = await pool.redis.xadd(pool.keys.inbox("w.1"), {"j": held.job, "f": held.fence})
        leftovers.append(Held(held.job, held.fence, entry.decode()))
    assert await _sweep_inbox(pool, running, *leftovers) == 3
    assert await pool.inbox("w.1") == [running]


async def test_the_ended_and_the_vanished_are_struck_off_the_live(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    await pool.redis.zadd(pool.keys.live, {held.job: 1, "sim-0": 1})
    waiting = await pool.queued()
    assert await pool.broker.run(mending.unlist(POOL, LEADER, held.job)) == "unlisted"
    assert await pool.broker.run(mending.unlist(POOL, LEADER, "sim-0")) == "unlisted"
    assert await pool.broker.run(mending.unlist(POOL, LEADER, "sim-0")) == "stale"
    assert await pool.broker.run(mending.unlist(POOL, LEADER, waiting)) == "stale"
    assert await pool.redis.zrange(pool.keys.live, 0, -1) == [waiting.encode()]
    assert await pool.state(waiting) is State.QUEUED
