"""A worker is lost: what it held goes on elsewhere from its journal, and a job that kills workers is given up."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

from penstock.broker import observing
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.holding import Claimed, checkpoint
from penstock.errors import BrokerUnavailableError
from penstock.frames import Generated
from penstock.job import State
from penstock.settings import RedisSettings
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool, tokens
from tests.integration.open_broker import OpenBroker
from tests.integration.scheduler.stage import (
    LEASE_TTL_S,
    inbox_of,
    listening,
    pool_settings,
    scheduling,
    working,
)


def _part(start: int, stop: int) -> Generated:
    whole = tokens(stop)
    return Generated(whole.tokens[start:], whole.pieces[start:])


async def test_the_job_of_a_worker_that_falls_silent_goes_on_from_its_journal(pool: Pool) -> None:
    async with working(pool, "w.1") as worker, scheduling(pool.broker):
        await pool.queued()
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.claim("w.1", held)
        await worker.generate(held, 0, _part(0, 3))
        await worker.generate(held, 3, _part(3, 5))
        await worker.fall_silent()
        async with working(pool, "x.1"):
            (again,) = await inbox_of(pool, "x.1", 1)
            claimed = await pool.claim("x.1", again)
    assert isinstance(claimed, Claimed)
    assert (again.job, again.fence, claimed.prefix) == (held.job, 2, tokens(5))
    assert (await pool.read(held.job)).losses == 1
    assert await pool.redis.smembers(pool.keys.instances) == {b"x.1"}
    assert not await pool.redis.exists(pool.keys.journal("w.1"), pool.keys.inbox("w.1"))


async def test_a_checkpoint_and_the_journal_behind_it_make_one_text(pool: Pool) -> None:
    async with working(pool, "w.1") as worker, scheduling(pool.broker):
        await pool.queued()
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.claim("w.1", held)
        await pool.broker.run(checkpoint(POOL, "w.1", held, tokens(4)))
        await worker.generate(held, 3, _part(3, 6))
        await pool.lose("w.1")
        await until(lambda: _is(pool, held.job, State.QUEUED))
        assert (await pool.read(held.job)).prefix == tokens(6)


async def test_a_declared_loss_is_acted_upon_at_once(pool: Pool) -> None:
    async with working(pool, "w.1"), scheduling(pool.broker, settings=pool_settings(lease_ttl_s=60.0)):
        job_id = await pool.queued()
        await inbox_of(pool, "w.1", 1)
        await pool.lose("w.1")
        await until(lambda: _is(pool, job_id, State.QUEUED), within_s=2.0)


async def test_all_jobs_of_a_long_journal_come_back_whole(pool: Pool) -> None:
    async with working(pool, "w.1", slots=40) as worker, scheduling(pool.broker):
        for _ in range(40):
            await pool.queued()
        held = await inbox_of(pool, "w.1", 40)
        for one in held:
            for start in range(0, 10, 2):
                await worker.generate(one, start, _part(start, start + 2))
        await pool.lose("w.1")
        for one in held:
            await until(partial(_is, pool, one.job, State.QUEUED))
            assert (await pool.read(one.job)).prefix == tokens(10)


async def test_a_job_that_takes_three_workers_with_it_becomes_a_dead_letter_with_the_evidence(pool: Pool) -> None:
    async with scheduling(pool.broker), listening(pool.broker, "ears") as heard:
        job_id = await pool.queued(listeners="s:ears")
        for number in (1, 2, 3):
            async with working(pool, f"w{number}.1") as worker:
                (held,) = await inbox_of(pool, worker.instance, 1)
                await pool.claim(worker.instance, held)
                await worker.generate(held, number - 1, _part(number - 1, number))
                await pool.lose(worker.instance)
                await until(lambda: _is_not(pool, job_id, State.RUNNING))
        await until(lambda: _is(pool, job_id, State.DEAD_LETTERED))
        last = await heard()
    ((_, letter),) = await pool.redis.xrange(pool.keys.dead_letters)
    losses = json.loads(letter[b"evidence"])
    assert letter[b"j"].decode() == job_id
    assert [(loss["worker"], loss["why"], loss["tokens"]) for loss in losses] == [
        (f"w{number}.1", "it was killed", number) for number in (1, 2, 3)
    ]
    assert last.end is not None
    assert last.end.failure is not None
    assert (last.offset, last.tokens, last.end.failure.error) == (3, [], "WorkerLostError")
    job = await pool.read(job_id)
    assert job.result is not None
    assert job.result.generated == tokens(3)


async def test_who_waits_for_the_whole_answer_is_told_all_of_it_when_the_job_ends_with_its_worker(pool: Pool) -> None:
    async with scheduling(pool.broker), listening(pool.broker, "ears") as heard, working(pool, "w.1") as worker:
        job_id = await pool.queued(listeners="f:ears")
        (held,) = await inbox_of(pool, "w.1", 1)
        await pool.claim("w.1", held)
        await worker.generate(held, 0, _part(0, 2))
        await pool.request_cancel(job_id, "w.1")
        await pool.lose("w.1")
        last = await heard()
    assert (last.offset, last.tokens) == (0, tokens(2).tokens)
    assert last.end is not None
    assert last.end.state == State.CANCELLED


async def test_a_loss_by_a_new_registration_does_not_speak_against_the_job(pool: Pool) -> None:
    async with working(pool, "w.1"), scheduling(pool.broker):
        job_id = await pool.queued()
        await inbox_of(pool, "w.1", 1)
        async with working(pool, "w.2", before="w.1"):
            (held,) = await inbox_of(pool, "w.2", 1)
    assert held.job == job_id
    assert (await pool.read(job_id)).losses == 0


async def test_an_instance_that_redis_forgot_gives_its_jobs_back(pool: Pool) -> None:
    async with working(pool, "w.1", slots=1), scheduling(pool.broker):
        job_id = await pool.queued()
        await inbox_of(pool, "w.1", 1)
        await pool.redis.delete(pool.keys.worker("w.1"))
        await until(lambda: _is(pool, job_id, State.QUEUED))
    assert (await pool.read(job_id)).losses == 0


async def test_nobody_is_lost_because_redis_was_away(data_dir: Path) -> None:
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir))
    server.start()
    broker = OpenBroker(Endpoint.parse(server.url))
    pool = Pool(broker)
    try:
        async with working(pool, "w.1") as worker, scheduling(broker):
            await pool.queued()
            (held,) = await inbox_of(pool, "w.1", 1)
            server.kill()
            await until(lambda: _is_away(broker))
            await _pass_a_lease()
            server.start()
            second = await pool.queued()
            _, again = await inbox_of(pool, "w.1", 2)
            assert again.job == second
            assert worker.answer == "alive"
            assert (await pool.read(held.job)).losses == 0
    finally:
        await broker.close()
        server.stop()


async def _pass_a_lease() -> None:
    """Longer than a lease lasts: time itself is what is tested here."""
    await asyncio.sleep(LEASE_TTL_S * 1.5)


async def _is_away(broker: Broker) -> bool:
    try:
        await broker.ask(observing.clock_ms())
    except BrokerUnavailableError:
        return True
    return False


async def _is(pool: Pool, job_id: str, state: State) -> bool:
    return await pool.state(job_id) is state


async def _is_not(pool: Pool, job_id: str, state: State) -> bool:
    return await pool.state(job_id) is not state
