"""Accepting a job: record and lane entry, or neither."""

from __future__ import annotations

import pytest

from penstock.broker import submission
from penstock.broker.submission import Accepted, Exists, LaneFull
from penstock.errors import BrokerDataError
from penstock.frames import encode_generated
from penstock.job import RESUME_LANE, State, first_fence
from penstock.job_class import JobClass
from penstock.request import Api
from tests.integration.broker.pool import POOL, Pool, result, tokens


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
    assert await pool.redis.llen(pool.keys.wake_up) == 1


async def test_an_accepted_job_is_among_the_live_by_its_deadline(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    assert await pool.redis.zscore(pool.keys.live, job.id) == job.deadline_ms


async def test_accepting_twice_changes_nothing(pool: Pool) -> None:
    job, _ = await pool.submit()
    before = await pool.read(job.id)
    _, again = await pool.submit(id=job.id, body=b"another", listeners="s:there")
    assert again == Exists(State.QUEUED, job.digest, before.created_ms, 0)
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


@pytest.mark.parametrize("state", [State.EXPIRED, State.CANCELLED])
async def test_a_run_that_ended_makes_room_for_the_next(pool: Pool, state: State) -> None:
    job, _ = await pool.submit(listeners="s:a")
    await pool.withdraw(job.id, state)
    _, accepted = await pool.submit(id=job.id, replaces=0, fence=first_fence(1), listeners="s:b")
    again = await pool.read(job.id)
    assert accepted == Accepted(again.created_ms)
    assert (again.state, again.run, again.attempts, again.listeners) == (State.QUEUED, 1, 0, "s:b")
    assert again.result is None
    assert await pool.redis.pttl(pool.keys.job(job.id)) == -1
    assert await pool.redis.xlen(pool.keys.lane(job.lane)) == 1
    assert await pool.redis.zscore(pool.keys.live, job.id) == again.deadline_ms


async def test_nothing_of_a_former_run_is_left_in_the_record(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.request_cancel(held.job, "w.1")
    await pool.finish("w.1", held, State.FAILED)
    await pool.submit(id=held.job, replaces=held.fence, fence=first_fence(1))
    new = await pool.queued()
    fields = [await pool.redis.hkeys(pool.keys.job(job)) for job in (held.job, new)]
    assert sorted(fields[0]) == sorted(fields[1])
    assert (await pool.assign(held.job, "w.1")).fence == first_fence(1) + 1


async def test_a_run_is_replaced_once_however_often_it_is_asked(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held, State.FAILED)
    _, first = await pool.submit(id=held.job, replaces=held.fence, fence=first_fence(1))
    _, repeat = await pool.submit(id=held.job, replaces=held.fence, fence=first_fence(1))
    assert isinstance(first, Accepted)
    assert isinstance(repeat, Exists)
    assert await pool.redis.hget(pool.keys.lane_counts, "standard:acme") == b"1"
    second = await pool.assign(held.job, "w.1")
    await pool.claim("w.1", second)
    await pool.finish("w.1", second, State.FAILED)
    _, late = await pool.submit(id=held.job, replaces=held.fence, fence=first_fence(1))
    assert isinstance(late, Exists)
    assert (late.state, late.fence) == (State.FAILED, second.fence)


async def test_an_answer_is_never_replaced(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    before = await pool.read(held.job)
    _, reply = await pool.submit(id=held.job, replaces=held.fence, fence=first_fence(1))
    assert isinstance(reply, Exists)
    assert await pool.read(held.job) == before


async def test_a_full_lane_keeps_the_end_of_the_run_that_would_have_been_replaced(pool: Pool) -> None:
    job, _ = await pool.submit()
    await pool.withdraw(job.id, State.EXPIRED)
    await pool.queued()
    before = await pool.read(job.id)
    _, reply = await pool.submit(id=job.id, replaces=0, fence=first_fence(1), max_jobs=1)
    assert isinstance(reply, LaneFull)
    assert await pool.read(job.id) == before
    assert await pool.redis.pttl(pool.keys.job(job.id)) > 0


async def test_a_former_runs_worker_can_write_nothing_into_the_next(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held, State.FAILED)
    await pool.submit(id=held.job, replaces=held.fence, fence=first_fence(1))
    before = await pool.read(held.job)
    assert await pool.finish("w.1", held, State.FAILED) == "stale"
    assert await pool.hand_back("w.1", held) == "stale"
    assert await pool.claim("w.1", held) == "stale"
    assert await pool.read(held.job) == before


async def test_what_was_to_end_a_former_run_does_not_end_the_next(pool: Pool) -> None:
    job, _ = await pool.submit()
    await pool.withdraw(job.id, State.CANCELLED)
    await pool.submit(id=job.id, replaces=0, fence=first_fence(1))
    late = submission.withdraw(POOL, job.id, job.lane, 0, State.CANCELLED, result(State.CANCELLED), [])
    assert await pool.broker.run(late) == "moved"
    held = await pool.assign(job.id, "w.1")
    assert await pool.broker.run(submission.request_cancel(POOL, job.id, "w.1", 0)) == "moved"
    assert (await pool.read(held.job)).state is State.ASSIGNED


async def test_many_are_accepted_or_refused_each_by_itself(pool: Pool) -> None:
    known = await pool.queued()
    names = [f"{POOL}-a", f"{POOL}-b", f"{POOL}-a", known, f"{POOL}-c", f"{POOL}-d", f"{POOL}-e"]
    jobs = [pool.new_job(id=name) for name in names]
    call = submission.enqueue_each(jobs, max_jobs=4, max_bytes=0)
    first, again = await pool.broker.run(call), await pool.broker.run(call)
    assert [type(reply) for reply in first] == [Accepted, Accepted, Exists, Exists, Accepted, LaneFull, LaneFull]
    assert [type(reply) for reply in again] == [Exists, Exists, Exists, Exists, Exists, LaneFull, LaneFull]
    assert await pool.redis.hget(pool.keys.lane_counts, jobs[0].lane) == b"4"
    assert await pool.redis.hget(pool.keys.lane_bytes, jobs[0].lane) == str(4 * len(jobs[0].body)).encode()
    assert await pool.redis.zcard(pool.keys.live) == await pool.redis.xlen(pool.keys.lane(jobs[0].lane)) == 4
    assert await pool.redis.zcard(pool.keys.job_index("acme")) == 4


async def test_a_wrong_key_among_many_is_found_before_anything_is_written(pool: Pool) -> None:
    jobs = [pool.new_job() for _ in range(2)]
    await pool.redis.set(pool.keys.job(jobs[1].id), "no record")
    with pytest.raises(BrokerDataError):
        await pool.broker.run(submission.enqueue_each(jobs, max_jobs=0, max_bytes=0))
    assert not await pool.redis.exists(pool.keys.job(jobs[0].id), pool.keys.lane_counts, pool.keys.live)
