"""From a lane to a worker's inbox, and into its hands."""

from __future__ import annotations

import pytest

from penstock.broker import holding, leading
from penstock.broker.holding import Claimed, Held
from penstock.frames import encode_generated
from penstock.job import State
from penstock.request import Api
from tests.integration.broker.pool import LEADER, POOL, Pool, tokens


async def test_an_assigned_job_has_left_its_lane_and_lies_in_the_inbox(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    job = await pool.read(held.job)
    assert (job.state, job.worker, job.fence, job.entry) == (State.ASSIGNED, "w.1", 1, "")
    assert await pool.inbox("w.1") == [held]
    assert held.fence == 1
    assert not await pool.redis.exists(pool.keys.lane(job.lane))
    assert await pool.redis.zscore(pool.keys.live, job.id) == job.assigned_ms + job.run_timeout_ms


async def test_assigning_twice_assigns_once(pool: Pool) -> None:
    job_id = await pool.queued()
    entry = (await pool.read(job_id)).entry
    assert await pool.try_assign(job_id, "w.1", entry=entry) == "assigned"
    assert await pool.try_assign(job_id, "w.1", entry=entry) == "stale"
    assert len(await pool.inbox("w.1")) == 1
    assert (await pool.read(job_id)).fence == 1


async def test_only_the_leader_assigns(pool: Pool) -> None:
    job_id = await pool.queued()
    assert await pool.try_assign(job_id, "w.1", token="scheduler:0") == "not_leader"
    assert await pool.state(job_id) is State.QUEUED


@pytest.mark.parametrize("state", ["starting", "draining", "failed", "lost"])
async def test_only_a_ready_worker_is_given_work(pool: Pool, state: str) -> None:
    await pool.register("x.1", state=state)
    job_id = await pool.queued()
    assert await pool.try_assign(job_id, "x.1") == "worker_gone"
    assert await pool.try_assign(job_id, "nobody.1") == "worker_gone"
    assert await pool.state(job_id) is State.QUEUED


async def test_a_worker_is_given_no_more_than_its_slots(pool: Pool) -> None:
    await pool.register("x.1", slots=1)
    first = await pool.assigned("x.1")
    second = await pool.queued()
    assert await pool.try_assign(second, "x.1") == "worker_full"
    await pool.finish("x.1", first)
    assert await pool.try_assign(second, "x.1") == "assigned"


async def test_an_entry_of_a_job_that_is_gone_is_dropped_and_not_counted(pool: Pool) -> None:
    kept = await pool.queued(body=b"x" * 10)
    gone = await pool.read(await pool.queued(body=b"x" * 30))
    await pool.redis.delete(pool.keys.job(gone.id))
    assert await pool.broker.run(leading.assign(POOL, LEADER, gone.id, gone.lane, gone.entry, "w.1")) == "stale"
    assert await pool.redis.hgetall(pool.keys.lane_counts) == {b"standard:acme": b"1"}
    assert await pool.redis.hgetall(pool.keys.lane_bytes) == {b"standard:acme": b"10"}
    assert await pool.state(kept) is State.QUEUED


async def test_a_claim_says_what_is_asked_for(pool: Pool) -> None:
    held = await pool.assigned(
        "w.1", body=b'{"a": 1}', listeners="s:a", trace="t=1", prefix=encode_generated(tokens(2))
    )
    claimed = await pool.claim("w.1", held)
    assert isinstance(claimed, Claimed)
    assert (claimed.held, claimed.cancel, claimed.api, claimed.body) == (held, False, Api.CHAT, b'{"a": 1}')
    assert (claimed.prefix, claimed.listeners, claimed.trace) == (tokens(2), "s:a", "t=1")
    job = await pool.read(held.job)
    assert (job.state, job.started_ms, job.created_ms) == (State.RUNNING, claimed.started_ms, claimed.created_ms)


async def test_claiming_twice_gives_the_same_answer(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    assert await pool.claim("w.1", held) == await pool.claim("w.1", held)


async def test_a_claim_says_that_the_client_gave_up(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    assert await pool.request_cancel(held.job, "w.1") == "requested"
    claimed = await pool.claim("w.1", held)
    assert isinstance(claimed, Claimed)
    assert claimed.cancel


async def test_claims_go_in_batches_and_each_is_judged_by_itself(pool: Pool) -> None:
    good, ended = await pool.assigned("w.1"), await pool.running("w.1")
    await pool.finish("w.1", ended)
    wrong_fence = Held(good.job, good.fence + 1, good.entry)
    unknown = Held("sim-0", 1, "1-0")
    first, *others = await pool.broker.run(holding.claim(POOL, "w.1", [good, ended, wrong_fence, unknown]))
    assert isinstance(first, Claimed)
    assert others == ["stale", "stale", "stale"]


async def test_a_job_of_another_worker_cannot_be_claimed(pool: Pool) -> None:
    await pool.register("x.1")
    held = await pool.assigned("w.1")
    assert await pool.claim("x.1", held) == "stale"


async def test_a_lost_worker_can_claim_nothing(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    await pool.lose("w.1")
    assert await pool.claim("w.1", held) == "fenced"
    assert await pool.state(held.job) is State.ASSIGNED


async def test_a_job_tells_each_attempt(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.hand_back("w.1", held)
    await pool.assign(held.job, "w.1")
    job = await pool.read(held.job)
    assert [worker for worker, _ in job.assignments] == ["w.1", "w.1"]
    assert job.created_ms <= job.assignments[0][1] <= job.assignments[1][1] == job.assigned_ms
