"""The broker's client: every call takes effect once, whatever happens to its reply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock.broker import leading
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.submission import Accepted, Exists
from penstock.errors import BrokerUnavailableError
from penstock.job import State, first_fence
from penstock.settings import Fsync, RedisSettings
from tests.chaos.proxy import Proxy
from tests.integration.broker.pool import LEADER, POOL, Pool
from tests.integration.open_broker import OpenBroker
from tests.redis_client import client_of
from tests.servers import SERVERS


@pytest.fixture(params=list(SERVERS.values()), ids=list(SERVERS))
def server(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[EmbeddedRedis]:
    """A server of our own, to be killed."""
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir, appendfsync=Fsync.ALWAYS), request.param)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def proxy(server: EmbeddedRedis) -> AsyncIterator[Proxy]:
    proxy = Proxy(server.url.removeprefix("unix://"))
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def far(proxy: Proxy, server: EmbeddedRedis) -> AsyncIterator[Pool]:
    """A pool behind the proxy, connected; the server knows the scripts: what is lost is never a mere NOSCRIPT."""
    broker = OpenBroker(Endpoint.parse(proxy.url), timeout_s=0.3)
    pool = Pool(broker)
    # What a test looks at is not to be lost on the way.
    pool.redis = client_of(Endpoint.parse(server.url))
    await pool.lead()
    await pool.register("w.1", slots=100)
    await pool.finish("w.1", await pool.running("w.1"))
    yield pool
    await pool.redis.aclose()
    await broker.close()


async def test_a_job_whose_acceptance_was_lost_on_the_way_is_accepted_once(far: Pool, proxy: Proxy) -> None:
    proxy.lose_replies(proxy.links)
    job, reply = await far.submit()
    assert reply == Exists(State.QUEUED, job.digest, (await far.read(job.id)).created_ms, 0)
    assert await far.redis.hget(far.keys.lane_counts, job.lane) == b"1"


async def test_an_assignment_whose_reply_was_lost_happened_once(far: Pool, proxy: Proxy) -> None:
    job = await far.read(await far.queued())
    proxy.lose_replies(proxy.links)
    assert await far.broker.run(leading.assign(POOL, LEADER, job.id, job.lane, job.entry, "w.1")) == "stale"
    assert (await far.read(job.id)).fence == 1
    assert len(await far.inbox("w.1")) == 1


async def test_a_finish_whose_reply_was_lost_happened_once(far: Pool, proxy: Proxy) -> None:
    held = await far.running("w.1")
    proxy.lose_replies(proxy.links)
    assert await far.finish("w.1", held) == "repeated"
    assert await far.state(held.job) is State.COMPLETED


async def test_a_batch_whose_replies_were_lost_happened_once(far: Pool, proxy: Proxy) -> None:
    jobs = [await far.read(await far.queued()) for _ in range(20)]
    proxy.lose_replies(proxy.links)
    await far.broker.run_many([leading.assign(POOL, LEADER, job.id, job.lane, job.entry, "w.1") for job in jobs])
    assert [held.job for held in await far.inbox("w.1")] == [job.id for job in jobs]
    assert {held.fence for held in await far.inbox("w.1")} == {1}


async def test_a_connection_that_was_cut_is_made_anew(far: Pool, proxy: Proxy) -> None:
    proxy.cut(proxy.links)
    assert isinstance((await far.submit())[1], Accepted)


async def test_a_silent_connection_is_given_up_in_time(far: Pool, proxy: Proxy) -> None:
    proxy.silence(proxy.links)
    began = time.monotonic()
    assert isinstance((await far.submit())[1], Accepted)
    assert time.monotonic() - began < 2


async def test_a_silent_redis_is_unavailable_soon(far: Pool, proxy: Proxy) -> None:
    proxy.fall_silent()
    began = time.monotonic()
    with pytest.raises(BrokerUnavailableError, match="out of reach"):
        await far.submit()
    assert time.monotonic() - began < 2
    proxy.speak()
    assert isinstance((await far.submit())[1], Accepted)


async def test_a_dead_redis_is_unavailable_at_once(far: Pool, server: EmbeddedRedis) -> None:
    server.kill()
    with pytest.raises(BrokerUnavailableError):
        await far.submit()


async def test_patience_outlasts_a_restart_and_finds_everything(proxy: Proxy, server: EmbeddedRedis) -> None:
    broker = OpenBroker(Endpoint.parse(proxy.url), timeout_s=0.3, patience_s=30)
    pool = Pool(broker)
    job_id = await pool.queued()
    server.kill()
    waiting = asyncio.create_task(pool.submit())
    server.spawn()
    assert isinstance((await waiting)[1], Accepted)
    assert await pool.state(job_id) is State.QUEUED
    await broker.close()


async def test_a_server_that_forgot_its_scripts_is_told_them_again(pool: Pool) -> None:
    await pool.queued()
    await pool.redis.script_flush()
    assert isinstance((await pool.submit())[1], Accepted)


async def test_a_batch_reminds_the_server_too_and_keeps_its_order(pool: Pool) -> None:
    jobs = [await pool.read(await pool.queued()) for _ in range(4)]
    await pool.redis.script_flush()
    calls = [leading.assign(POOL, LEADER, job.id, job.lane, job.entry, "w.1") for job in jobs]
    assert await pool.broker.run_many([*calls, leading.resign(POOL, LEADER)]) == ["assigned"] * 4 + ["resigned"]
    assert [held.job for held in await pool.inbox("w.1")] == [job.id for job in jobs]


async def test_a_batch_may_be_empty(pool: Pool) -> None:
    assert await pool.broker.run_many([]) == []


async def test_a_server_that_may_not_write_just_now_is_unavailable_until_it_may(pool: Pool) -> None:
    await pool.redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(BrokerUnavailableError, match="replicas"):
            await pool.submit()
    finally:
        await pool.redis.config_set("min-replicas-to-write", 0)
    assert isinstance((await pool.submit())[1], Accepted)


async def test_a_new_run_whose_acceptance_was_lost_on_the_way_is_begun_once(far: Pool, proxy: Proxy) -> None:
    job, _ = await far.submit()
    await far.withdraw(job.id, State.EXPIRED)
    proxy.lose_replies(proxy.links)
    _, reply = await far.submit(id=job.id, replaces=0, fence=first_fence(1))
    again = await far.read(job.id)
    assert reply == Exists(State.QUEUED, job.digest, again.created_ms, first_fence(1))
    assert (again.state, again.run) == (State.QUEUED, 1)
    assert await far.redis.hget(far.keys.lane_counts, job.lane) == b"1"
