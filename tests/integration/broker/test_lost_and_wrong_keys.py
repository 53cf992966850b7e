"""What a script makes of keys that were lost, or that hold something else: as much as can be, or nothing at all."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.broker import holding, leading, mending, submission
from penstock.broker.diagnosis import wrong_keys
from penstock.broker.epochs import next_epoch
from penstock.broker.keys import PoolKeys
from penstock.broker.observing import UNREADABLE
from penstock.broker.registration import new_instance
from penstock.broker.script import Argument
from penstock.broker.surveying import survey
from penstock.errors import BrokerDataError
from penstock.job import State
from tests.integration.broker.pool import LEADER, POOL, Pool, tokens


async def _replace(pool: Pool, key: str) -> None:
    """Put something in a key's place that is of no type that we have there."""
    await pool.redis.delete(key)
    await pool.redis.hset(key, "a", "hash") if key in (pool.keys.leader, pool.keys.epochs) else await pool.redis.set(
        key, "a string"
    )


async def _lane(pool: Pool, job_id: str) -> str:
    return (await pool.read(job_id)).lane


async def _beat(pool: Pool) -> str:
    return await pool.broker.run(holding.beat(POOL, "w.1", "ready", {}))


@pytest.mark.parametrize("key", [PoolKeys("sim").instances, PoolKeys("sim").workers])
async def test_what_a_registration_wrote_is_put_back_by_the_next_beat(pool: Pool, key: str) -> None:
    before = await pool.redis.dump(key)
    await pool.redis.delete(key, pool.keys.wake_up)
    assert await _beat(pool) == "alive"

    assert await pool.redis.dump(key) == before
    assert await pool.redis.exists(pool.keys.wake_up) == (key == pool.keys.instances)


async def test_a_beat_is_not_missed_for_a_wrong_key_of_the_pool(pool: Pool) -> None:
    await _replace(pool, pool.keys.instances)
    await _replace(pool, pool.keys.workers)
    await _replace(pool, pool.keys.wake_up)

    assert await _beat(pool) == "alive"
    assert await pool.broker.run(holding.beat(POOL, "w.1", "draining", {})) == "alive"


async def test_a_beat_puts_no_older_instance_in_the_place_of_a_newer(pool: Pool) -> None:
    await pool.register("w.2", before="w.1")
    assert await _beat(pool) == "fenced"

    assert await pool.redis.hget(pool.keys.workers, "w") == b"w.2"


async def test_who_leads_puts_leadership_settings_and_bell_in_order(pool: Pool) -> None:
    for key in (pool.keys.leader, pool.keys.settings, pool.keys.wake_up):
        await _replace(pool, key)
    assert await pool.lead()

    assert await pool.redis.get(pool.keys.leader) == LEADER.encode()
    assert await pool.redis.get(pool.keys.settings) == b"{}"
    assert await pool.redis.lrange(pool.keys.wake_up, 0, -1) == [b"1"]


async def test_who_follows_hears_the_leaders_settings(pool: Pool) -> None:
    assert (await pool.broker.run(leading.lead(POOL, LEADER, 60_000, '{"slots": 1}'))).is_ours
    other = await pool.broker.run(leading.lead(POOL, "scheduler:2", 60_000, '{"slots": 2}'))

    assert (other.is_ours, other.settings) == (False, '{"slots": 1}')


async def test_epochs_go_on_from_the_latest_that_is_known_where_the_counter_was_lost(pool: Pool) -> None:
    await pool.redis.delete(pool.keys.epochs)

    assert await pool.broker.run(next_epoch(POOL, 7)) == 8
    assert await pool.broker.run(next_epoch(POOL, 3)) == 9


async def test_a_worker_is_never_again_the_instance_that_it_was(pool: Pool) -> None:
    fields: dict[str, Argument] = {"state": "ready", "slots": 1}
    first = await new_instance(pool.broker, POOL, "w", fields)
    await pool.redis.flushall()
    second = await new_instance(pool.broker, POOL, "w", fields, last=first)

    assert first != second
    assert await pool.redis.smembers(pool.keys.instances) == {second.encode()}


@pytest.mark.parametrize("name", ["lane", "lane_counts", "lane_bytes", "live"])
async def test_a_job_that_cannot_be_queued_as_a_whole_is_not_queued_at_all(pool: Pool, name: str) -> None:
    keys = pool.keys
    wrong = keys.lane("standard:acme") if name == "lane" else getattr(keys, name)
    await _replace(pool, wrong)
    before = set(await pool.redis.keys())
    with pytest.raises(BrokerDataError) as error:
        await pool.submit()

    assert set(await pool.redis.keys()) == before
    assert await wrong_keys(pool.broker, error.value.keys) == [
        f"{wrong} is a string, not a {'stream' if name == 'lane' else 'zset' if name == 'live' else 'hash'}"
    ]


async def test_an_entry_that_points_to_no_record_is_dropped_and_the_others_are_assigned(pool: Pool) -> None:
    wrong, empty, right = [await pool.read(await pool.queued()) for _ in range(3)]
    await _replace(pool, pool.keys.job(wrong.id))
    await pool.redis.hdel(pool.keys.job(empty.id), "run_timeout_ms")
    calls = [leading.assign(POOL, LEADER, job.id, job.lane, job.entry, "w.1") for job in (wrong, empty, right)]

    assert await pool.broker.run_each(calls) == ["no_job", "no_job", "assigned"]
    assert not await pool.redis.exists(pool.keys.lane(right.lane), pool.keys.lane_counts, pool.keys.lane_bytes)
    assert [held.job for held in await pool.inbox("w.1")] == [right.id]


async def test_an_assignment_that_cannot_be_whole_is_none(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    await _replace(pool, pool.keys.live)
    with pytest.raises(BrokerDataError):
        await pool.try_assign(job.id, "w.1")

    assert await pool.state(job.id) is State.QUEUED
    assert await pool.redis.xlen(pool.keys.lane(job.lane)) == 1
    assert await pool.inbox("w.1") == []


@pytest.mark.parametrize("name", ["lane_counts", "lane_bytes", "lane", "live"])
async def test_a_waiting_job_can_be_ended_whatever_its_lane_and_counts_are(pool: Pool, name: str) -> None:
    job_id = await pool.queued(queue_timeout_ms=0)
    wrong = pool.keys.lane(await _lane(pool, job_id)) if name == "lane" else getattr(pool.keys, name)
    await _replace(pool, wrong)

    assert await pool.withdraw(job_id, State.EXPIRED, overdue=True) == "withdrawn"
    assert await pool.state(job_id) is State.EXPIRED


@pytest.mark.parametrize("name", ["live", "wake_up", "lane_counts"])
async def test_a_running_job_ends_whatever_the_pools_lists_are(pool: Pool, name: str) -> None:
    held = await pool.running("w.1")
    await _replace(pool, getattr(pool.keys, name))

    assert await pool.finish("w.1", held) == "finished"
    assert await pool.state(held.job) is State.COMPLETED
    assert await pool.inbox("w.1") == []


async def test_a_job_whose_record_is_none_is_nobodys(pool: Pool) -> None:
    held, other = await pool.running("w.1"), await pool.assigned("w.1")
    waiting = await pool.read(await pool.queued())
    for job_id in (held.job, waiting.id):
        await _replace(pool, pool.keys.job(job_id))
    claimed = await pool.broker.run(holding.claim(POOL, "w.1", [held, other]))

    assert claimed[0] == "stale"
    assert isinstance(claimed[1], holding.Claimed)
    assert await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(1))) == "stale"
    assert await pool.broker.run(mending.sweep_lane(POOL, LEADER, waiting.lane, [(waiting.id, waiting.entry)])) == 1
    assert await pool.broker.run(mending.unlist(POOL, LEADER, waiting.id)) == "unlisted"
    assert await pool.finish("w.1", held) == "stale"
    assert await pool.inbox("w.1") == [other]


@pytest.mark.parametrize("how", ["lost", "wrong"])
async def test_a_sweep_counts_a_lane_again_and_lists_who_lives(pool: Pool, how: str) -> None:
    waiting, held = await pool.read(await pool.queued(body=b"x" * 50)), await pool.running("w.1")
    sweeps: list[Any] = [
        mending.sweep_lane(POOL, LEADER, waiting.lane, [(waiting.id, waiting.entry)]),
        mending.sweep_inbox(POOL, LEADER, "w.1", [held]),
    ]
    derived = [pool.keys.live, pool.keys.lane_counts, pool.keys.lane_bytes]
    before = [await pool.redis.dump(key) for key in derived]
    if how == "wrong":
        for key in derived:
            await _replace(pool, key)
        assert await pool.broker.run_many(sweeps) == [0, 0]
    await pool.redis.delete(*derived)
    assert await pool.broker.run_many(sweeps) == [0, 0]

    assert [await pool.redis.dump(key) for key in derived] == before


async def test_an_instance_whose_record_is_none_is_fenced_by_losing_it(pool: Pool) -> None:
    held = await pool.running("w.1")
    await _replace(pool, pool.keys.worker("w.1"))
    with pytest.raises(BrokerDataError):
        await _beat(pool)
    assert await pool.lose("w.1", beat=0) == "lost"

    assert await _beat(pool) == "fenced"
    assert await pool.finish("w.1", held) == "fenced"


async def test_a_worker_registers_over_an_instance_whose_record_is_none(pool: Pool) -> None:
    await _replace(pool, pool.keys.worker("w.1"))
    await pool.redis.delete(pool.keys.instances)

    assert await pool.register("w.2", before="w.1") == "registered"
    # The reaper has to hear of both.
    assert await pool.redis.smembers(pool.keys.instances) == {b"w.1", b"w.2"}


@pytest.mark.parametrize("name", ["inbox", "control", "journal"])
async def test_a_lost_instance_is_forgotten_whatever_its_streams_are(pool: Pool, name: str) -> None:
    await pool.lose("w.1")
    await _replace(pool, getattr(pool.keys, name)("w.1"))

    assert await pool.broker.run(leading.retire(POOL, "w.1", "w")) == "retired"
    assert not await pool.redis.exists(getattr(pool.keys, name)("w.1"))


async def test_a_survey_tells_what_it_could_not_read_and_all_the_rest(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    other = await pool.read(await pool.queued(tenant="other"))
    await pool.register("x.2")
    await _replace(pool, pool.keys.lane(other.lane))
    await _replace(pool, pool.keys.worker("x.2"))
    await _replace(pool, pool.keys.inbox("w.1"))
    view = await pool.broker.run(survey(POOL, [job.lane, other.lane], ["w.1", "x.2"], 10))

    assert view.heads == {job.lane: [(job.id, job.entry)], other.lane: []}
    assert (view.records["w.1"].state, view.records["x.2"].state) == ("ready", UNREADABLE)
    assert view.held["w.1"] > 4
    assert view.held["x.2"] == 0
    assert {error.keys for error in view.errors} == {
        (pool.keys.lane(other.lane),),
        (pool.keys.worker("x.2"),),
        (pool.keys.inbox("w.1"),),
    }


async def test_how_long_a_job_may_wait_travels_with_it(pool: Pool) -> None:
    handed, lost = (
        await pool.running("w.1", queue_timeout_ms=5_000),
        await pool.running("w.1", queue_timeout_ms=5_000),
    )
    assert await pool.hand_back("w.1", handed) == "queued"
    job = await pool.read(handed.job)
    call = submission.attach(POOL, lost.job, "w.1", "s:ears", 0)
    attached = await pool.broker.run(call)

    queued_ms = int(job.entry.partition("-")[0])
    assert abs(job.deadline_ms - queued_ms - 5_000) < 100
    assert isinstance(attached, submission.Attached)
    assert (attached.queue_timeout_ms, attached.run_timeout_ms) == (5_000, 60_000)
