"""Accepting a job: record and lane entry, or neither."""

from __future__ import annotations

from penstock.broker.submission import Accepted, Exists, LaneFull
from penstock.frames import encode_generated
from penstock.job import RESUME_LANE, JobClass, State
from penstock.request import Api
from tests.integration.broker.pool import Pool, tokens


async def test_an_accepted_job_is_a_record_and_a_lane_entry(pool: Pool) -> None:
    job_id = await pool.queued(api=Api.COMPLETION, body=b'{"x": "\xc3\xa9"}', listeners="s:here", trace="a=b")
    job = await pool.read(job_id)
    assert (job.state, job.api, job.body, job.listeners, job.trace) == (
        State.QUEUED,
        Api.COMPLETION,
        b'{"x": "\xc3\xa9"}',
        "s:here",
        "a=b",
    )
    assert (job.lane, job.fence, job.losses) == ("standard:acme", 0, 0)
    ((entry, fields),) = await pool.redis.xrange(pool.keys.lane(job.lane))
    assert entry.decode() == job.entry
    assert fields == {b"j": job_id.encode(), b"d": str(job.deadline_ms).encode(), b"b": b"11"}
    assert job.deadline_ms == job.created_ms + 60_000


async def test_an_accepted_job_rings_the_bell_once(pool: Pool) -> None:
    await pool.queued()
    await pool.queued()
    assert await pool.redis.llen(pool.keys.bell) == 1


async def test_an_accepted_job_is_among_the_live_by_its_deadline(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    assert await pool.redis.zscore(pool.keys.live, job.id) == job.deadline_ms


async def test_accepting_twice_changes_nothing(pool: Pool) -> None:
    job, _ = await pool.submit()
    before = await pool.read(job.id)
    _, again = await pool.submit(id=job.id, body=b"another", listeners="s:there")
    assert again == Exists(State.QUEUED, job.digest, before.created_ms)
    assert await pool.read(job.id) == before
    assert await pool.redis.xlen(pool.keys.lane(job.lane)) == 1


async def test_a_finished_job_of_that_id_still_exists(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    _, reply = await pool.submit(id=held.job)
    assert isinstance(reply, Exists)
    assert reply.state is State.COMPLETED


async def test_a_lane_is_bounded_by_jobs(pool: Pool) -> None:
    await pool.queued()
    await pool.queued()
    job, reply = await pool.submit(max_jobs=2)
    assert reply == LaneFull(2, 32)
    assert not await pool.redis.exists(pool.keys.job(job.id))


async def test_a_lane_is_bounded_by_bytes(pool: Pool) -> None:
    await pool.queued(body=b"x" * 60)
    _, reply = await pool.submit(body=b"x" * 41, max_bytes=100)
    assert reply == LaneFull(1, 60)
    _, reply = await pool.submit(body=b"x" * 40, max_bytes=100)
    assert isinstance(reply, Accepted)


async def test_a_rejected_job_leaves_nothing_behind(pool: Pool) -> None:
    await pool.queued()
    before = sorted(await pool.redis.keys())
    job, reply = await pool.submit(max_jobs=1)
    assert isinstance(reply, LaneFull)
    assert sorted(await pool.redis.keys()) == before
    assert await pool.redis.zscore(pool.keys.live, job.id) is None


async def test_lanes_are_bounded_each_by_itself(pool: Pool) -> None:
    await pool.queued()
    for changes in ({"tenant": "zenith"}, {"job_class": JobClass.BATCH}):
        _, reply = await pool.submit(max_jobs=1, **changes)
        assert isinstance(reply, Accepted)


async def test_a_job_with_tokens_goes_on_from_them(pool: Pool) -> None:
    job = await pool.read(await pool.queued(prefix=encode_generated(tokens(3))))
    assert (job.lane, job.prefix) == (RESUME_LANE, tokens(3))
