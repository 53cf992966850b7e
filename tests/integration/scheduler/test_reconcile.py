"""Whatever records and streams disagree about, a pass or two bring together again."""

from __future__ import annotations

import pytest

from penstock.broker.client import Broker
from penstock.broker.trouble import Duty
from penstock.frames import Generated
from penstock.job import RESUME_LANE, State
from scheduler.reconcile import Reconciler
from scheduler.term import Term
from tests.integration.broker.pool import LEADER, POOL, Pool, tokens
from tests.integration.scheduler.stage import StageWorker, pool_settings


@pytest.fixture
async def reconciler(pool: Pool, broker: Broker) -> Reconciler:
    assert await pool.lead()
    assert await pool.register("w.1") == "registered"
    term = Term(pool=POOL, token=LEADER, broker=broker, settings=pool_settings())
    return Reconciler(term, term.trouble(Duty.RECONCILE))


async def _exists(pool: Pool, *keys: str) -> bool:
    return bool(await pool.redis.exists(*keys))


async def test_a_pool_in_order_is_left_as_it_is(pool: Pool, reconciler: Reconciler) -> None:
    waiting, held = await pool.queued(), await pool.running("w.1")
    before = [await pool.read(waiting), await pool.read(held.job)]
    await reconciler.sweep()
    await reconciler.sweep()
    assert [await pool.read(waiting), await pool.read(held.job)] == before
    assert await pool.inbox("w.1") == [held]


async def test_a_waiting_job_that_its_lane_lost_is_put_back(pool: Pool, reconciler: Reconciler) -> None:
    job = await pool.read(await pool.queued())
    await pool.redis.delete(pool.keys.lane(job.lane), pool.keys.lane_counts, pool.keys.lane_bytes)
    await reconciler.sweep()
    assert await pool.redis.hgetall(pool.keys.lane_counts) == {job.lane.encode(): b"1"}
    assert await pool.try_assign(job.id, "w.1") == "assigned"


async def test_a_lane_that_nothing_counts_is_counted_again(pool: Pool, reconciler: Reconciler) -> None:
    job = await pool.read(await pool.queued())
    await pool.redis.delete(pool.keys.lane_counts)
    await reconciler.sweep()
    assert await pool.redis.hgetall(pool.keys.lane_counts) == {job.lane.encode(): b"1"}


async def test_a_running_job_that_no_inbox_holds_is_queued_again_when_two_passes_saw_it(
    pool: Pool, reconciler: Reconciler
) -> None:
    held = await pool.running("w.1")
    worker = StageWorker(pool, "w.1")
    await worker.generate(held, 0, Generated([0, 1], ["<0>", "<1>"]))
    await pool.redis.xdel(pool.keys.inbox("w.1"), held.entry)
    await reconciler.sweep()
    assert await pool.state(held.job) is State.RUNNING
    await reconciler.sweep()
    job = await pool.read(held.job)
    assert (job.state, job.lane, job.prefix, job.losses) == (State.QUEUED, RESUME_LANE, tokens(2), 0)
    assert await pool.control("w.1") == [{b"cancel": job.id.encode(), b"fence": b"1"}]


async def test_the_old_holder_of_a_job_that_was_queued_again_cannot_end_it(pool: Pool, reconciler: Reconciler) -> None:
    held = await pool.running("w.1")
    await pool.redis.xdel(pool.keys.inbox("w.1"), held.entry)
    await reconciler.sweep()
    await reconciler.sweep()
    for state in (State.COMPLETED, State.CANCELLED):
        assert await pool.finish("w.1", held, state) == "stale"
    assert await pool.state(held.job) is State.QUEUED


async def test_a_job_of_an_instance_that_is_gone_is_queued_again(pool: Pool, reconciler: Reconciler) -> None:
    held = await pool.running("w.1")
    keys = pool.keys
    await pool.redis.delete(keys.worker("w.1"), keys.inbox("w.1"), keys.instances, keys.workers)
    await reconciler.sweep()
    await reconciler.sweep()
    assert await pool.state(held.job) is State.QUEUED


async def test_two_sightings_under_different_fences_are_no_proof(pool: Pool, reconciler: Reconciler) -> None:
    held = await pool.running("w.1")
    await pool.redis.xdel(pool.keys.inbox("w.1"), held.entry)
    await reconciler.sweep()
    await pool.redis.hincrby(pool.keys.job(held.job), "fence", 1)
    await reconciler.sweep()
    assert await pool.state(held.job) is State.RUNNING


async def test_the_listed_that_ended_or_vanished_are_struck_off(pool: Pool, reconciler: Reconciler) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    await pool.redis.zadd(pool.keys.live, {held.job: 1, "sim-0": 1})
    await reconciler.sweep()
    assert not await _exists(pool, pool.keys.live)


async def test_inbox_entries_that_stand_for_nothing_free_their_slots(pool: Pool, reconciler: Reconciler) -> None:
    held = await pool.running("w.1")
    await pool.redis.xadd(pool.keys.inbox("w.1"), {"j": "sim-0", "f": 1})
    await reconciler.sweep()
    assert await pool.inbox("w.1") == [held]


async def test_lane_entries_of_jobs_that_do_not_wait_there_go(pool: Pool, reconciler: Reconciler) -> None:
    gone = await pool.read(await pool.queued())
    await pool.redis.delete(pool.keys.job(gone.id))
    await reconciler.sweep()
    assert not await _exists(pool, pool.keys.lane(gone.lane), pool.keys.lane_counts, pool.keys.live)


async def test_a_pass_over_many_jobs_finds_the_one_in_disorder(pool: Pool, reconciler: Reconciler) -> None:
    jobs = [await pool.queued() for _ in range(250)]
    lost = await pool.read(jobs[123])
    await pool.redis.xdel(pool.keys.lane(lost.lane), lost.entry)
    await reconciler.sweep()
    assert (await pool.read(lost.id)).entry != lost.entry
    assert await pool.redis.xlen(pool.keys.lane(lost.lane)) == 250


async def test_a_deposed_leader_mends_nothing(pool: Pool, reconciler: Reconciler) -> None:
    job = await pool.read(await pool.queued())
    await pool.redis.delete(pool.keys.lane(job.lane))
    await pool.redis.set(pool.keys.leader, "usurper:9")
    await reconciler.sweep()
    assert not await _exists(pool, pool.keys.lane(job.lane))
