"""The pulse beside a worker: whom it beats for, and what it says of one that is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from redis.exceptions import RedisError

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.registration import new_instance
from penstock.worker_state import WorkerState
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool
from tests.integration.open_broker import OpenBroker
from tests.integration.workers.workplace import state_of
from workers.history import History
from workers.lease import Lease
from workers.pulse import Pulse, Rhythm, wire
from workers.vitals import Vitals

RHYTHM = Rhythm(heartbeat_s=0.05, lease_ttl_s=2.0, stall_s=30.0)
SHORT_OF_BREATH = Rhythm(heartbeat_s=0.05, lease_ttl_s=2.0, stall_s=0.5)


class Worker:
    """As much of one as a pulse sees."""

    def __init__(self, lease: Lease, vitals: Vitals) -> None:
        self.lease = lease
        self.vitals = vitals
        self.fenced = asyncio.Event()

    async def register(self, pool: Pool) -> str:
        instance = await new_instance(pool.broker, POOL, "w", {"state": "ready"})
        self.lease.hold(instance, self.fenced.set)
        return instance


@asynccontextmanager
async def employed(url: str, rhythm: Rhythm) -> AsyncIterator[Worker]:
    """A worker with its pulse, which runs in this process."""
    ours, theirs = wire()
    vitals = Vitals(History())
    vitals.state = WorkerState.READY
    lease = Lease(ours, vitals)
    pulse = asyncio.create_task(Pulse(theirs, Endpoint.parse(url), POOL, rhythm).run())
    listening = asyncio.create_task(lease.listen())
    try:
        yield Worker(lease, vitals)
    finally:
        listening.cancel()
        ours.close()
        await pulse


def beats_on(pool: Pool, instance: str) -> Callable[[], Awaitable[bool]]:
    """Whether its beat has moved since the first look."""
    seen: set[bytes | None] = set()

    async def moves() -> bool:
        with suppress(RedisError):
            seen.add(await pool.redis.hget(pool.keys.worker(instance), "beat"))
        return len(seen) > 1

    return moves


def is_in(pool: Pool, instance: str, state: WorkerState) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return await state_of(pool, instance) == state

    return holds


async def test_it_beats_for_the_instance_it_is_told_of(redis_url: str, pool: Pool) -> None:
    async with employed(redis_url, RHYTHM) as worker:
        first = await worker.register(pool)
        await until(beats_on(pool, first))
        second = await worker.register(pool)
        await until(beats_on(pool, second))
        assert await state_of(pool, first) == WorkerState.LOST
        assert not worker.fenced.is_set()


async def test_a_fenced_instance_is_told_and_the_next_one_beats(redis_url: str, pool: Pool) -> None:
    async with employed(redis_url, RHYTHM) as worker:
        await pool.lose(await worker.register(pool))
        await worker.fenced.wait()
        await until(beats_on(pool, await worker.register(pool)))


async def test_a_silent_worker_is_given_nothing_until_it_speaks(
    redis_url: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.pulse.QUIET_S", 0.2)
    async with employed(redis_url, RHYTHM) as worker:
        instance = await worker.register(pool)
        await until(is_in(pool, instance, WorkerState.STALLED))
        await until(beats_on(pool, instance))
        worker.lease.tell()
        await until(is_in(pool, instance, WorkerState.READY))


async def test_one_that_never_speaks_again_is_declared_lost_and_told(redis_url: str, pool: Pool) -> None:
    async with employed(redis_url, SHORT_OF_BREATH) as worker:
        instance = await worker.register(pool)
        await worker.fenced.wait()
        state, why = await pool.redis.hmget(pool.keys.worker(instance), "state", "why")
        assert (state, why) == (b"lost", b"its event loop stood still for 0.5 s")


async def test_a_record_of_a_wrong_type_is_no_end(redis_url: str, pool: Pool) -> None:
    async with employed(redis_url, RHYTHM) as worker:
        instance = await worker.register(pool)
        record = pool.keys.worker(instance)
        await until(beats_on(pool, instance))
        await pool.redis.rename(record, "elsewhere")
        await pool.redis.set(record, "no record")
        await asyncio.sleep(4 * RHYTHM.heartbeat_s)
        await pool.redis.rename("elsewhere", record)
        await until(beats_on(pool, instance))
        assert not worker.fenced.is_set()


async def test_a_server_that_wants_a_password_for_a_while_is_no_end(own_redis: EmbeddedRedis) -> None:
    broker = OpenBroker(Endpoint.parse(own_redis.url), timeout_s=5.0)
    pool = Pool(broker)
    async with employed(own_redis.url, RHYTHM) as worker:
        instance = await worker.register(pool)
        await until(beats_on(pool, instance))
        await pool.redis.config_set("requirepass", "secret")
        # Those that have connected stay: the pulse has to begin anew.
        await pool.redis.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(4 * RHYTHM.heartbeat_s)
        await pool.redis.config_set("requirepass", "")
        await until(beats_on(pool, instance))
        assert not worker.fenced.is_set()
    await broker.close()


async def test_whoever_was_halted_has_not_listened(redis_url: str, pool: Pool) -> None:
    """A machine that was suspended with its workers wakes the pulse first."""
    async with employed(redis_url, Rhythm(heartbeat_s=0.05, lease_ttl_s=0.2, stall_s=1.0)) as worker:
        instance = await worker.register(pool)
        await until(beats_on(pool, instance))
        await halt(1.5)
        worker.lease.tell()
        await until(beats_on(pool, instance))
        assert not worker.fenced.is_set()


async def halt(seconds: float) -> None:
    """Everything in this process, pulse and all."""
    time.sleep(seconds)  # noqa: ASYNC251 - the point of it
