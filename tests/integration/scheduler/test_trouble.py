"""What is wrong in a pool keeps its scheduler from that alone: one lane, one job, one duty, one instance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
import structlog

from penstock.broker.contact import Contact
from penstock.job import RESUME_LANE, State
from penstock.job_class import JobClass
from penstock.telemetry import events
from scheduler.expiry import Expiry
from scheduler.leader import Candidate
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool, tokens
from tests.integration.scheduler.stage import LEADER_TTL_S, inbox_of, listening, pool_settings, scheduling, working


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield cast("list[dict[str, Any]]", lines)


def _told(lines: list[dict[str, Any]], event: str, cause: str) -> list[str]:
    """The duties of which it was said."""
    return [line["duty"] for line in lines if line["event"] == event and cause in line["cause"]]


async def _replace(pool: Pool, key: str) -> None:
    await pool.redis.delete(key)
    await pool.redis.set(key, "a string")


async def test_a_wrong_lane_holds_up_no_other_and_its_jobs_are_run_when_it_is_gone(
    pool: Pool, told: list[dict[str, Any]]
) -> None:
    stuck = await pool.read(await pool.queued(tenant="stuck"))
    await _replace(pool, pool.keys.lane(stuck.lane))
    async with scheduling(pool.broker, reconcile_s=0.2), working(pool, "w.1"):
        job_id = await pool.queued()
        assert [held.job for held in await inbox_of(pool, "w.1", 1)] == [job_id]
        cause = f"{pool.keys.lane(stuck.lane)} is a string, not a stream"
        await until(lambda: _is_true(_told(told, events.POOL_TROUBLED, cause)))
        await pool.redis.delete(pool.keys.lane(stuck.lane))
        assert [held.job for held in await inbox_of(pool, "w.1", 2)] == [job_id, stuck.id]
        await until(lambda: _is_true("dispatch" in _told(told, events.POOL_RECOVERED, cause)))
    troubled = _told(told, events.POOL_TROUBLED, cause)
    assert len(troubled) == len(set(troubled))


async def test_a_record_that_is_none_holds_up_no_other_job(pool: Pool, told: list[dict[str, Any]]) -> None:
    jobs = [await pool.queued(queue_timeout_ms=60_000) for _ in range(3)]
    await _replace(pool, pool.keys.job(jobs[0]))
    async with scheduling(pool.broker, reconcile_s=0.2), working(pool, "w.1"):
        assert [held.job for held in await inbox_of(pool, "w.1", 2)] == jobs[1:]
        await until(lambda: _is_unlisted(pool, jobs[0]))
    assert [line["job"] for line in told if line["event"] == events.RECORD_UNREADABLE] == [jobs[0]]


async def test_an_overdue_job_without_a_record_keeps_no_other_from_its_end(pool: Pool) -> None:
    jobs = [await pool.queued(queue_timeout_ms=1) for _ in range(2)]
    await _replace(pool, pool.keys.job(jobs[0]))
    async with scheduling(pool.broker):
        await until(lambda: _is_unlisted(pool, *jobs))
    assert await pool.state(jobs[1]) is State.EXPIRED


@pytest.mark.parametrize("name", ["live", "instances", "lane_counts"])
async def test_a_pool_recovers_by_itself_from_a_key_that_was_wrong(
    pool: Pool, told: list[dict[str, Any]], name: str
) -> None:
    key = getattr(pool.keys, name)
    async with scheduling(pool.broker, reconcile_s=0.2), working(pool, "w.1"):
        first = await pool.queued()
        await inbox_of(pool, "w.1", 1)
        await _replace(pool, key)
        await until(lambda: _is_true(_told(told, events.POOL_TROUBLED, key)))
        await pool.redis.delete(key)
        second = await pool.queued()
        assert [held.job for held in await inbox_of(pool, "w.1", 2)] == [first, second]
        await until(lambda: _all_live(pool, first, second))
        troubled = sorted(set(_told(told, events.POOL_TROUBLED, key)))
        await until(lambda: _is_true(sorted(set(_told(told, events.POOL_RECOVERED, key))) == troubled))
    # Once a spell.
    assert sorted(_told(told, events.POOL_TROUBLED, key)) == troubled


async def test_a_duty_that_fails_in_a_way_nobody_foresaw_ends_no_other(
    pool: Pool, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sweep(_: Expiry) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Expiry, "sweep", sweep)
    async with scheduling(pool.broker), working(pool, "w.1"):
        await until(lambda: _is_true(_told(told, events.POOL_TROUBLED, "ZeroDivisionError") == ["expire"]))
        job_id = await pool.queued()
        assert [held.job for held in await inbox_of(pool, "w.1", 1)] == [job_id]


async def test_a_term_that_fails_as_a_whole_is_followed_by_another(pool: Pool) -> None:
    terms: list[str] = []
    candidate = Candidate(pool.broker, Contact(pool.broker.address), POOL, pool_settings(), ttl_s=LEADER_TTL_S)

    async def fulfil(term: Any) -> None:
        terms.append(term.token)
        if len(terms) == 1:
            raise ZeroDivisionError
        candidate.stop()

    await candidate.run(fulfil)

    assert len(set(terms)) == 2


async def test_a_leadership_of_another_type_is_taken_at_once(pool: Pool) -> None:
    async with scheduling(pool.broker), working(pool, "w.1"):
        await until(lambda: _is_led(pool))
        await pool.redis.delete(pool.keys.leader)
        await pool.redis.hset(pool.keys.leader, "a", "hash")
        job_id = await pool.queued()
        assert [held.job for held in await inbox_of(pool, "w.1", 1)] == [job_id]


async def test_an_instance_whose_record_is_none_for_a_lease_is_lost_and_its_jobs_go_on_elsewhere(pool: Pool) -> None:
    async with scheduling(pool.broker), working(pool, "w.1") as worker:
        job_id = await pool.queued()
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.claim("w.1", held)
        await worker.generate(held, 0, tokens(2))
        async with working(pool, "x.2"):
            await _replace(pool, pool.keys.worker("w.1"))
            await worker.fall_silent()
            (taken,) = await inbox_of(pool, "x.2", 1)
    assert taken.job == job_id
    assert (await pool.read(job_id)).prefix == tokens(2)


async def test_the_jobs_of_an_inbox_that_is_none_go_on_elsewhere(pool: Pool) -> None:
    async with scheduling(pool.broker, reconcile_s=0.1), working(pool, "w.1", slots=1):
        job_id = await pool.queued()
        await inbox_of(pool, "w.1", 1)
        async with working(pool, "x.2"):
            await _replace(pool, pool.keys.inbox("w.1"))
            (taken,) = await inbox_of(pool, "x.2", 1)
    assert taken.job == job_id


async def test_a_dead_instance_that_the_set_has_lost_is_found_to_be_dead(pool: Pool) -> None:
    await pool.lead()
    await pool.register("w.1")
    held = await pool.running("w.1")
    await pool.redis.delete(pool.keys.instances, pool.keys.leader)
    async with scheduling(pool.broker, reconcile_s=0.1):
        await until(lambda: _is_forgotten(pool, "w.1"))
    assert (await pool.read(held.job)).lane == RESUME_LANE


async def test_jobs_that_run_too_long_are_judged_by_what_they_were_promised(pool: Pool) -> None:
    settings = pool_settings(run_timeout_s=1234.0)
    async with (
        scheduling(pool.broker, settings=settings),
        listening(pool.broker, "ears") as heard,
        working(pool, "w.1"),
    ):
        await pool.queued(run_timeout_ms=200, listeners="s:ears", job_class=JobClass.INTERACTIVE)
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.claim("w.1", held)
        last = await heard()
    assert last.end is not None
    assert last.end.failure is not None
    assert "longer than the 0.2 s" in last.end.failure.message


async def test_two_schedulers_with_different_settings_say_so_once(pool: Pool, told: list[dict[str, Any]]) -> None:
    def differences() -> list[str]:
        return [line["settings"] for line in told if line["event"] == events.SETTINGS_DIFFER]

    async with scheduling(pool.broker, settings=pool_settings(run_timeout_s=30.0)):
        await until(lambda: _is_true(any(line["event"] == events.LEADERSHIP_TAKEN for line in told)))
        async with scheduling(pool.broker, settings=pool_settings(run_timeout_s=60.0)):
            await until(lambda: _is_true(differences()))
            await asyncio.sleep(LEADER_TTL_S)  # It asks for the lease three times more.
    assert differences() == ["run_timeout_s is 60.0, its leader has 30.0"]


async def _is_true(condition: object) -> bool:
    return bool(condition)


async def _is_led(pool: Pool) -> bool:
    return bool(await pool.redis.exists(pool.keys.leader))


async def _is_unlisted(pool: Pool, *job_ids: str) -> bool:
    return not any([await pool.redis.zscore(pool.keys.live, job_id) for job_id in job_ids])


async def _all_live(pool: Pool, *job_ids: str) -> bool:
    return all([await pool.redis.zscore(pool.keys.live, job_id) for job_id in job_ids])


async def _is_forgotten(pool: Pool, instance: str) -> bool:
    return not await pool.redis.exists(pool.keys.worker(instance), pool.keys.instances, pool.keys.workers)
