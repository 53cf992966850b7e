"""What a real server says of itself is heard by whoever meets it, once."""

from __future__ import annotations

import asyncio

import redis

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.epochs import next_epoch
from penstock.broker.server import RedisServer, unsuitable


async def met(url: str) -> list[RedisServer]:
    heard: list[RedisServer] = []
    broker = Broker(Endpoint.parse(url), on_met=heard.append)
    await asyncio.gather(*(broker.run(next_epoch("sim")) for _ in range(3)))
    await broker.run(next_epoch("sim"))
    await broker.close()
    return heard


async def test_every_server_of_ours_suits(redis_server: EmbeddedRedis, redis_url: str) -> None:
    (server,) = await met(redis_url)
    assert server.name.startswith(f"{redis_server.binary}.")
    assert server.version >= (6, 2)
    assert (server.role, server.eviction) == ("master", "noeviction")
    assert not list(unsuitable(server))


async def test_an_evicting_server_says_so_where_config_is_forbidden(own_redis: EmbeddedRedis) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-config"])
        (server,) = await met(own_redis.url)
    assert server.eviction == "allkeys-lru"
