"""Redis full, silent or gone: new work is refused quickly, open streams go on when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.settings import RedisSettings, Settings
from tests.eventual import until
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, Serving, begun, joined, serving
from tests.integration.open_broker import OpenBroker


@pytest.fixture
async def fragile(settings: Settings, own_redis: EmbeddedRedis) -> AsyncIterator[Serving]:
    async with serving(settings.model_copy(update={"redis": RedisSettings(url=own_redis.url)})) as it:
        yield it


@pytest.fixture
async def fragile_worker(own_redis: EmbeddedRedis) -> AsyncIterator[FakeWorker]:
    it = FakeWorker(OpenBroker(Endpoint.parse(own_redis.url), patience_s=5.0))
    await it.start()
    yield it
    await it.stop()


async def refused_quickly(it: Serving) -> None:
    began = time.monotonic()
    response = await it.client.post("/v1/chat/completions", json=CHAT)

    assert time.monotonic() - began < 2.5
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "service_unavailable"
    assert int(response.headers["retry-after"]) >= 1


async def test_without_redis_new_work_is_refused_quickly(fragile: Serving, own_redis: EmbeddedRedis) -> None:
    own_redis.kill()

    await refused_quickly(fragile)
    ready = await fragile.client.get("/ready")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert (await fragile.client.get("/health")).status_code == 200


async def test_with_a_silent_redis_new_work_is_refused_quickly(fragile: Serving, own_redis: EmbeddedRedis) -> None:
    assert own_redis.pid is not None
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        await refused_quickly(fragile)
        assert (await fragile.client.get("/ready")).status_code == 503
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)


async def test_an_open_stream_goes_on_when_redis_is_back(
    fragile: Serving, fragile_worker: FakeWorker, own_redis: EmbeddedRedis
) -> None:
    async with begun(fragile.client, fragile_worker, "a") as (sse, hand):
        own_redis.kill()
        await refused_quickly(fragile)
        own_redis.start()
        await fragile_worker.say(hand, "b", heard=False)
        await fragile_worker.answer_attach(hand)
        await fragile_worker.end(hand, "c")

        assert joined(await sse.rest()) == "bc"


async def test_work_that_was_refused_as_unknown_is_not_run_for_nobody(
    fragile: Serving, fragile_worker: FakeWorker, own_redis: EmbeddedRedis
) -> None:
    assert own_redis.pid is not None
    os.kill(own_redis.pid, signal.SIGSTOP)
    await refused_quickly(fragile)
    os.kill(own_redis.pid, signal.SIGCONT)

    async def is_tidy() -> bool:
        return not fragile.context.background_tasks and not await fragile_worker.has_waiting()

    await until(is_tidy)


async def test_at_maxmemory_new_work_is_refused_and_running_work_finishes(
    fragile: Serving, fragile_worker: FakeWorker
) -> None:
    async with begun(fragile.client, fragile_worker, "a") as (sse, hand):
        await fragile_worker.redis.config_set("maxmemory", 1)
        response = await fragile.client.post("/v1/chat/completions", json=CHAT)
        await fragile_worker.say(hand, "b")
        await fragile_worker.end(hand, "c")

        assert joined(await sse.rest()) == "bc"
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "server_is_overloaded"
    assert response.headers["retry-after"]
    assert "x-penstock-job-id" not in response.headers


async def test_a_client_that_leaves_during_an_outage_still_cancels_its_job(
    fragile: Serving, fragile_worker: FakeWorker, own_redis: EmbeddedRedis
) -> None:
    async with begun(fragile.client, fragile_worker, "a"):
        own_redis.kill()
    await asyncio.sleep(0.1)
    own_redis.start()

    assert await fragile_worker.controls()
