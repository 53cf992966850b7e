"""What a worker does while Redis is away: it goes on, and tells everything afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.job import State
from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker
from tests.integration.workers.workplace import SLOW, Hand, body, ended, engine, tokens_of, under_way

Hire = Callable[..., Hand]


@pytest.fixture
def redis_url(own_redis: EmbeddedRedis) -> str:
    return own_redis.url


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[OpenBroker]:
    broker = OpenBroker(Endpoint.parse(redis_url), timeout_s=5.0, patience_s=10.0)
    yield broker
    await broker.close()


async def test_a_job_goes_on_through_a_restart_of_redis(hire: Hire, pool: Pool, own_redis: EmbeddedRedis) -> None:
    hand = hire(engine=engine(SLOW))
    instance = await hand.ready(pool)
    raw = body("through a restart", max_tokens=60)
    held = await under_way(pool, instance, body=raw)
    own_redis.kill()
    await asyncio.sleep(0.3)
    own_redis.start()
    job = await ended(pool, held.job)
    assert job.state is State.COMPLETED
    assert job.result is not None
    assert job.result.generated.tokens == tokens_of(raw)
    assert hand.notes.instances == [instance], "nobody was declared lost because Redis was away"
    late = await ended(pool, (await pool.assigned(instance, body=body(max_tokens=2))).job)
    assert late.state is State.COMPLETED


async def test_a_server_that_falls_silent_delays_and_loses_nothing(
    hire: Hire, pool: Pool, own_redis: EmbeddedRedis
) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    raw = body("through silence", max_tokens=100)
    held = await under_way(pool, instance, body=raw)
    assert own_redis.pid is not None
    os.kill(own_redis.pid, signal.SIGSTOP)
    # Longer than a blocking read may take: the silent connection is given up and a new one made.
    await asyncio.sleep(3.5)
    os.kill(own_redis.pid, signal.SIGCONT)
    job = await ended(pool, held.job)
    assert job.result is not None
    assert job.result.generated.tokens == tokens_of(raw)
    late = await ended(pool, (await pool.assigned(instance, body=body(max_tokens=2))).job)
    assert late.state is State.COMPLETED


async def test_a_worker_is_told_to_stop_while_redis_is_away_and_ends_in_time(
    hire: Hire, pool: Pool, own_redis: EmbeddedRedis
) -> None:
    hand = hire(engine=engine(SLOW), drain_grace_s=0.5)
    instance = await hand.ready(pool)
    await under_way(pool, instance, body=body(max_tokens=1000))
    own_redis.kill()
    async with asyncio.timeout(4):
        await hand.drain()
