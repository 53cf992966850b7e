"""A server that refuses, in whatever words: it counts as away, serves again later, and nothing is raised at nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from penstock.broker import leading, observing
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.broker.subscription import Subscription
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.settings import RedisSettings
from tests.eventual import until
from tests.servers import SERVERS

POOL = "sim"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own."""
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir), SERVERS[request.param])
    server.start()
    yield server
    server.stop()


@contextmanager
def _full(control: redis.Redis) -> Iterator[None]:
    """No room for another client."""
    said: Any = control.config_get("maxclients")
    before = said["maxclients"]
    control.config_set("maxclients", 1)
    yield
    control.config_set("maxclients", before)


@contextmanager
def _locked(control: redis.Redis) -> Iterator[None]:
    """A password is asked for, which nobody was told."""
    control.config_set("requirepass", "secret")
    yield
    control.config_set("requirepass", "")


@contextmanager
def _forbidden(control: redis.Redis) -> Iterator[None]:
    """The user may do nothing any more."""
    control.execute_command("ACL", "SETUSER", "default", "resetchannels", "-@all", "+acl", "+client", "+auth")  # type: ignore[no-untyped-call]
    yield
    control.execute_command("ACL", "SETUSER", "default", "allchannels", "+@all")  # type: ignore[no-untyped-call]


@contextmanager
def _unwritable(control: redis.Redis) -> Iterator[None]:
    """It wants to write for replicas that are not there."""
    control.config_set("min-replicas-to-write", 1)
    yield
    control.config_set("min-replicas-to-write", 0)


@contextmanager
def _demoted(control: redis.Redis) -> Iterator[None]:
    """It is a replica, of a master that is not there."""
    control.replicaof("127.0.0.1", "1")
    yield
    control.replicaof("no", "one")


TROUBLES = [_full, _locked, _forbidden, _unwritable, _demoted]


async def _call(broker: Broker) -> Any:
    return await broker.run(leading.lead(POOL, "me", 60_000))


async def _long_call(broker: Broker) -> Any:
    """Of more words than a server takes from a client that it does not know."""
    return await broker.ask(Query(("SADD", "many", *map(str, range(40))), int))


@pytest.mark.parametrize("ask", [_call, _long_call])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_server_that_refuses_is_away_and_comes_back(
    server: EmbeddedRedis, trouble: Callable[[redis.Redis], Any], ask: Callable[[Broker], Awaitable[Any]]
) -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    broker = Broker(Endpoint.parse(server.url), timeout_s=1.0)
    with redis.Redis.from_url(server.url) as control:
        assert await ask(broker) is not None
        with trouble(control):
            # A connection that was there before may be served for as long as it lasts.
            control.client_kill_filter(_type="normal", skipme=True)
            with pytest.raises(BrokerUnavailableError):
                await ask(broker)
        await until(lambda: _serves(broker, ask))
    await broker.close()
    assert not unhandled


@pytest.mark.parametrize("trouble", [_full, _locked, _forbidden])
async def test_a_subscription_outlives_a_server_that_refuses(
    server: EmbeddedRedis, trouble: Callable[[redis.Redis], Any]
) -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    broker = Broker(Endpoint.parse(server.url), timeout_s=1.0)
    heard: list[bytes] = []
    begun = asyncio.Event()
    listening = asyncio.create_task(Subscription(broker, "ear", deliver=heard.append, connected=begun.set).run())
    with redis.Redis.from_url(server.url) as control:
        await begun.wait()
        begun.clear()
        with trouble(control):
            control.client_kill_filter(_type="pubsub")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(begun.wait(), 0.3)
        await asyncio.wait_for(begun.wait(), 10)
        control.publish("ear", "back")

        async def has_heard() -> bool:
            return heard == [b"back"]

        await until(has_heard)
    assert not listening.done()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await broker.close()
    assert not unhandled


async def test_a_key_that_holds_something_else_is_its_own_error_and_hurts_no_other(server: EmbeddedRedis) -> None:
    broker = Broker(Endpoint.parse(server.url), timeout_s=1.0)
    spoilt, whole = observing.lane_counts(POOL), observing.lane_counts("two")
    with redis.Redis.from_url(server.url) as control:
        control.rpush(keys_of(POOL).lane_counts, "one")
        bad, good = await broker.ask_each([spoilt, whole])
        assert isinstance(bad, BrokerDataError)
        assert keys_of(POOL).lane_counts in str(bad)
        assert good == {}
        with pytest.raises(BrokerDataError, match="WRONGTYPE"):
            await broker.ask(spoilt)
        control.delete(keys_of(POOL).lane_counts)
        assert await broker.ask(spoilt) == {}
    await broker.close()


async def _serves(broker: Broker, ask: Callable[[Broker], Awaitable[Any]]) -> bool:
    try:
        return await ask(broker) is not None
    except BrokerUnavailableError:
        return False
