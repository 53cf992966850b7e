"""Calls made together go to Redis together, and fail alone or together as they must."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from penstock.broker.batcher import Batcher
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.script import Call
from penstock.broker.submission import Accepted, Exists, LaneFull, enqueue
from penstock.errors import BrokerFullError, BrokerUnavailableError
from penstock.job import NewJob
from penstock.job_class import JobClass
from penstock.request import Api
from tests.integration.open_broker import OpenBroker


@pytest.fixture
async def broker(own_redis: EmbeddedRedis) -> AsyncIterator[OpenBroker]:
    it = OpenBroker(Endpoint.parse(own_redis.url))
    yield it
    await it.close()


def job(number: int) -> NewJob:
    return NewJob(
        id=f"sim-{number:024x}",
        api=Api.CHAT,
        body=b"{}",
        is_engine_written=False,
        model="sim",
        job_class=JobClass.INTERACTIVE,
        tenant="t",
        queue_timeout_ms=1000,
        run_timeout_ms=1000,
        result_ttl_ms=1000,
    )


def submit(number: int, max_jobs: int = 0) -> Call[Accepted | Exists | LaneFull]:
    return enqueue(job(number), max_jobs=max_jobs, max_bytes=0)


async def test_each_call_gets_its_own_answer(broker: Broker) -> None:
    batcher = Batcher(broker, 2.0)
    calls = [submit(number, 150) for number in (*range(200), 0)]
    answers = await asyncio.gather(*(batcher.run(call) for call in calls))

    assert [type(answer) for answer in answers] == [Accepted] * 150 + [LaneFull] * 50 + [Exists]


class Trips(OpenBroker):
    """Counts what goes together."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.calls: list[int] = []

    async def run_each(self, calls: Sequence[Call[Any]]) -> list[Any]:
        self.calls.append(len(calls))
        return await super().run_each(calls)


async def test_large_calls_go_by_themselves_and_in_order(own_redis: EmbeddedRedis) -> None:
    broker = Trips(Endpoint.parse(own_redis.url))
    batcher = Batcher(broker, 10.0)
    jobs = [replace(job(number), body=b" " * size) for number, size in enumerate((1, 1, 3 << 20, 3 << 20, 9 << 20, 1))]
    answers = await asyncio.gather(*(batcher.run(enqueue(one, max_jobs=0, max_bytes=0)) for one in jobs))
    await broker.close()

    assert [type(answer) for answer in answers] == [Accepted] * 6
    assert broker.calls == [3, 1, 1, 1]


async def test_at_the_memory_limit_each_is_told(broker: OpenBroker) -> None:
    await broker.client.config_set("maxmemory", 1)
    batcher = Batcher(broker, 2.0)
    calls = [submit(number) for number in range(3)]
    answers = await asyncio.gather(*(batcher.run(call) for call in calls), return_exceptions=True)

    assert [type(answer) for answer in answers] == [BrokerFullError] * 3
    assert await broker.client.dbsize() == 0


async def test_a_silent_server_holds_nobody_longer_than_the_deadline(broker: Broker, own_redis: EmbeddedRedis) -> None:
    batcher = Batcher(broker, 0.3)
    await batcher.run(submit(0))
    assert own_redis.pid is not None
    os.kill(own_redis.pid, signal.SIGSTOP)
    began = time.monotonic()
    early = asyncio.gather(*(batcher.run(submit(1)) for _ in range(3)), return_exceptions=True)
    await asyncio.sleep(0.1)
    late = batcher.run(submit(2))
    with pytest.raises(BrokerUnavailableError):
        await late
    took_s = time.monotonic() - began
    os.kill(own_redis.pid, signal.SIGCONT)

    assert [type(answer) for answer in await early] == [BrokerUnavailableError] * 3
    assert took_s < 0.6


async def test_after_an_outage_the_next_call_succeeds(broker: Broker, own_redis: EmbeddedRedis) -> None:
    batcher = Batcher(broker, 2.0)
    own_redis.kill()
    with pytest.raises(BrokerUnavailableError):
        await batcher.run(submit(0))
    own_redis.start()

    answer = await batcher.run(submit(0))
    assert isinstance(answer, Accepted)


async def test_a_call_that_is_cancelled_before_its_turn_is_not_made(broker: OpenBroker) -> None:
    batcher = Batcher(broker, 2.0)
    running = asyncio.create_task(batcher.run(submit(0)))
    await asyncio.sleep(0)
    cancelled = asyncio.create_task(batcher.run(submit(1)))
    await asyncio.sleep(0)
    cancelled.cancel()
    await running
    await batcher.run(submit(2))

    assert await broker.client.hget("penstock:{sim}:lane-counts", "interactive:t") == b"2"
