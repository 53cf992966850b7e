"""The leader takes jobs from a worker that is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.broker import leading
from penstock.broker.holding import Held
from penstock.broker.leading import Loss
from penstock.frames import Generated
from penstock.job import RESUME_LANE, State
from tests.integration.broker.pool import LEADER, POOL, Pool, result, tokens


async def _requeue(
    pool: Pool, held: Held, *, instance: str = "w.1", token: str = LEADER, prefix: Generated | None = None, **loss: Any
) -> str:
    fields: dict[str, Any] = {
        "counted": True,
        "max_losses": 3,
        "evidence": b'{"why": "killed"}',
        "if_cancelled": result(State.CANCELLED),
        "if_dead": result(State.DEAD_LETTERED),
        "notices": [("channel", b"cancelled", b"dead")],
    }
    call = leading.requeue(
        POOL,
        token,
        job_id=held.job,
        fence=held.fence,
        instance=instance,
        entry=held.entry,
        prefix=tokens(3) if prefix is None else prefix,
        queue_timeout_ms=60_000,
        loss=Loss(**{**fields, **loss}),
    )
    return await pool.broker.run(call)


async def _lost(pool: Pool, **changes: Any) -> Held:
    held = await pool.running("w.1", **changes)
    await pool.lose("w.1")
    return held


async def test_a_lost_workers_job_waits_to_go_on_from_its_tokens(pool: Pool) -> None:
    held = await _lost(pool)
    assert await _requeue(pool, held) == "queued"
    job = await pool.read(held.job)
    assert (job.state, job.lane, job.prefix, job.losses) == (State.QUEUED, RESUME_LANE, tokens(3), 1)
    assert await pool.inbox("w.1") == []
    assert await pool.redis.zscore(pool.keys.live, job.id) == job.deadline_ms
    assert await pool.redis.llen(pool.keys.wake_up) == 1


async def test_taking_it_twice_takes_it_once(pool: Pool) -> None:
    held = await _lost(pool)
    await _requeue(pool, held)
    before = await pool.read(held.job)
    assert await _requeue(pool, held, prefix=tokens(9)) == "stale"
    assert await pool.read(held.job) == before
    assert await pool.redis.xlen(pool.keys.lane(RESUME_LANE)) == 1


async def test_only_the_leader_takes(pool: Pool) -> None:
    held = await _lost(pool)
    assert await _requeue(pool, held, token="scheduler:0") == "not_leader"
    assert len(await pool.inbox("w.1")) == 1
    assert await pool.state(held.job) is State.RUNNING


async def test_nothing_is_taken_from_a_worker_that_lives(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await _requeue(pool, held) == "stale"
    assert await pool.inbox("w.1") == [held]
    assert await pool.state(held.job) is State.RUNNING


async def test_a_live_workers_entry_of_a_job_that_went_on_is_dropped(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.hand_back("w.1", held)
    leftover = await pool.redis.xadd(pool.keys.inbox("w.1"), {"j": held.job, "f": held.fence})
    assert await _requeue(pool, Held(held.job, held.fence, leftover.decode())) == "stale"
    assert await pool.inbox("w.1") == []


async def test_a_job_that_no_inbox_holds_is_taken_without_an_entry(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.redis.xdel(pool.keys.inbox("w.1"), held.entry)
    assert await _requeue(pool, Held(held.job, held.fence, ""), counted=False) == "queued"
    assert (await pool.read(held.job)).losses == 0


async def test_a_loss_that_does_not_speak_against_the_job_is_not_counted(pool: Pool) -> None:
    held = await _lost(pool)
    assert await _requeue(pool, held, counted=False, max_losses=1) == "queued"
    assert (await pool.read(held.job)).losses == 0


async def test_too_many_losses_make_a_dead_letter_with_the_evidence_of_each(pool: Pool) -> None:
    job_id = await pool.queued(result_ttl_ms=1000)
    for number in (1, 2):
        instance = f"x{number}.1"
        await pool.register(instance)
        held = await pool.assign(job_id, instance)
        await pool.claim(instance, held)
        await pool.lose(instance)
        evidence = f'{{"loss": {number}}}'.encode()
        reply = await _requeue(pool, held, instance=instance, max_losses=2, evidence=evidence)
        assert reply == ("queued" if number == 1 else "dead_lettered")
    job = await pool.read(job_id)
    assert (job.state, job.losses, job.result) == (State.DEAD_LETTERED, 2, result(State.DEAD_LETTERED))
    ((_, letter),) = await pool.redis.xrange(pool.keys.dead_letters)
    assert (letter[b"j"], letter[b"evidence"]) == (job_id.encode(), b'[{"loss": 1},{"loss": 2}]')
    assert await pool.redis.zcard(pool.keys.live) == 0
    ttl_ms = await pool.redis.pttl(pool.keys.job(job_id))
    assert 60_000 < ttl_ms <= leading.DEAD_LETTER_TTL_MS


async def test_a_job_whose_client_gave_up_ends_with_its_worker(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.request_cancel(held.job, "w.1")
    await pool.lose("w.1")
    assert await _requeue(pool, held, max_losses=1) == "cancelled"
    job = await pool.read(held.job)
    assert (job.state, job.result) == (State.CANCELLED, result(State.CANCELLED))
    assert await pool.redis.xlen(pool.keys.dead_letters) == 0


async def test_those_who_wait_hear_that_it_is_over(pool: Pool) -> None:
    held = await _lost(pool)
    async with pool.redis.pubsub() as ears:
        await ears.subscribe("channel")
        await _requeue(pool, held, max_losses=1)
        async with asyncio.timeout(5):
            while not (message := await ears.get_message(ignore_subscribe_messages=True, timeout=1)):
                pass
    assert message["data"] == b"dead"


async def test_another_jobs_doing_is_believed_for_as_long_as_a_job_may_lose_workers(pool: Pool) -> None:
    held = await _lost(pool)
    await pool.redis.hset(pool.keys.job(held.job), "spared", 2)
    assert await _requeue(pool, held, counted=False, spared=True) == "queued"
    assert (await pool.read(held.job)).losses == 0


async def test_a_job_that_is_always_there_when_a_worker_dies_is_charged_in_the_end(pool: Pool) -> None:
    held = await _lost(pool)
    await pool.redis.hset(pool.keys.job(held.job), "spared", 3)
    assert await _requeue(pool, held, counted=False, spared=True) == "queued"
    assert (await pool.read(held.job)).losses == 1
    assert not await pool.redis.hexists(pool.keys.job(held.job), "spared")


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_dead_letter_stays_longer_than_other_jobs_if_it_may_be_stored(pool: Pool, is_stored: bool) -> None:  # noqa: FBT001
    held = await _lost(pool, is_stored=is_stored)
    assert await _requeue(pool, held, max_losses=1) == "dead_lettered"
    assert (await pool.redis.pttl(pool.keys.job(held.job)) > 60_000) is is_stored
