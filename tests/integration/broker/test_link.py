"""The connection to Redis: replies come in order, to whom they belong, and a lost one is noticed by all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from penstock.broker.channel import servers_of
from penstock.broker.connections import Endpoint
from penstock.broker.dialing import open_link
from penstock.broker.errors import RedisConnectionError, RedisError, RedisTimeoutError
from penstock.broker.link import Link
from tests.chaos.proxy import Proxy


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[Link]:
    link = await open_link(Endpoint.parse(redis_url), 5.0)
    yield link
    link.close()


async def test_those_who_ask_at_once_get_their_own_replies(link: Link) -> None:
    asked = [link.ask([("ECHO", number), ("ECHO", -number)], 5.0) for number in range(200)]
    assert await asyncio.gather(*asked) == [[b"%d" % number, b"%d" % -number] for number in range(200)]


async def test_a_reply_larger_than_any_buffer_comes_whole(link: Link) -> None:
    large = bytes(range(256)) * (1 << 13)
    assert await link.ask([("SET", "large", large), ("GET", "large"), ("PING",)], 5.0) == [b"OK", large, b"PONG"]


async def test_who_does_not_wait_any_more_shifts_nobodys_reply(link: Link) -> None:
    impatient = link.ask([("ECHO", "first")], 5.0)
    impatient.cancel()
    assert await link.ask([("ECHO", "second")], 5.0) == [b"second"]


async def test_an_error_is_a_reply_like_any_other(link: Link) -> None:
    before, error, after = await link.ask([("ECHO", "a"), ("GET",), ("ECHO", "b")], 5.0)
    assert (before, after) == (b"a", b"b")
    assert isinstance(error, RedisError)


async def test_nothing_is_answered_at_once(link: Link) -> None:
    assert await link.ask([], 5.0) == []


async def test_a_late_reply_loses_the_connection_for_all_who_wait(link: Link) -> None:
    late, behind = link.ask([("BLPOP", "nothing", 60)], 0.05), link.ask([("PING",)], 60.0)
    for answer in (late, behind):
        with pytest.raises(RedisTimeoutError):
            await answer
    assert link.is_lost
    with pytest.raises(RedisConnectionError):
        await link.ask([("PING",)], 5.0)


async def test_a_shorter_limit_counts_although_a_longer_one_was_set_before(link: Link) -> None:
    assert await link.ask([("PING",)], 60.0) == [b"PONG"]
    with pytest.raises(RedisTimeoutError):
        await link.ask([("BLPOP", "nothing", 60)], 0.05)


async def test_closing_tells_those_who_wait(link: Link) -> None:
    answer = link.ask([("BLPOP", "nothing", 60)], 60.0)
    link.close()
    with pytest.raises(RedisConnectionError, match="closed"):
        await answer


async def test_who_takes_a_reply_may_close_the_connection(link: Link) -> None:
    class Closing:
        """Takes a reply, and wants no other."""

        def done(self) -> bool:
            return False

        def set_result(self, _: list[object]) -> None:
            link.close()

        def set_exception(self, error: Exception) -> None:
            raise AssertionError(error)

    link.send([("PING",)], 5.0, Closing())
    with pytest.raises(RedisConnectionError, match="closed"):
        await link.ask([("PING",)], 5.0)


async def test_what_redis_has_no_form_for_is_refused_and_costs_nothing_else(link: Link) -> None:
    with pytest.raises(TypeError):
        link.ask([("SET", "key", None)], 5.0)  # type: ignore[list-item]
    assert await link.ask([("ECHO", "next")], 5.0) == [b"next"]


async def test_a_subscriber_hears_in_order_and_between_its_own_replies(redis_url: str, link: Link) -> None:
    heard: list[object] = []
    subscriber = await open_link(Endpoint.parse(redis_url), 5.0, heard.append)
    subscriber.write([("SUBSCRIBE", "channel")])
    async with asyncio.timeout(5):
        while not heard:
            await asyncio.sleep(0.01)
        await link.ask([("PUBLISH", "channel", number) for number in range(50)], 5.0)
        while len(heard) < 51:
            await asyncio.sleep(0.01)
    subscriber.close()
    assert heard[1:] == [[b"message", b"channel", b"%d" % number] for number in range(50)]


async def test_a_channel_connects_once_for_all_and_again_when_it_has_to(redis_url: str) -> None:
    proxy = Proxy(redis_url.removeprefix("unix://"))
    await proxy.start()
    channel = servers_of(Endpoint.parse(proxy.url), 1.0).channel()
    ping = [("PING",)]
    answer: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
    assert not channel.begin(ping, 5.0, answer)
    await asyncio.gather(*(channel.ask(ping, 5.0) for _ in range(20)))
    assert len(proxy.links) == 1
    assert channel.begin(ping, 5.0, answer)
    assert await answer == [b"PONG"]
    proxy.cut(proxy.links)
    lost = channel.ask([("BLPOP", "nothing", 60)], 60.0)
    with pytest.raises(RedisConnectionError):
        await lost
    assert await channel.ask(ping, 5.0) == [b"PONG"]
    await channel.close()
    await proxy.stop()
