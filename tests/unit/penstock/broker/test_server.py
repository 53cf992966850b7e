"""What is said of a server that does not suit us, and that nothing is said of one that does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.server import RedisServer, unsuitable

GOOD = RedisServer(version=(7, 2), role="master", eviction="noeviction")


def test_a_server_is_read_from_its_info() -> None:
    info = b"# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n"
    assert RedisServer.from_info(info) == RedisServer(
        version=(7, 0), name="Redis 7.0.15", role="slave", eviction="noeviction"
    )
    assert RedisServer.from_info(b"redis_version:8\r\n").version == (8, 0)


def test_a_valkey_goes_by_its_own_name_and_is_as_able_as_the_redis_that_it_continues() -> None:
    server = RedisServer.from_info(
        b"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nrole:slave\r\n"
    )
    assert (server.name, server.version) == ("Valkey 9.1.2", (7, 2))
    assert server.knows_flags
    (sentence,) = unsuitable(server)
    assert sentence.startswith("This Valkey 9.1.2 is a replica")


@given(st.binary())
def test_a_server_that_says_little_is_taken_as_it_is(info: bytes) -> None:
    server = RedisServer.from_info(b"redis_version_of_another_kind:9\r\n" + info.replace(b"redis_version:", b""))
    assert server.version == (0, 0)
    assert not server.knows_flags


@pytest.mark.parametrize(
    "server", [GOOD, RedisServer(), RedisServer(version=(6, 2), role="master", eviction="noeviction")]
)
def test_nothing_is_said_of_a_server_that_suits(server: RedisServer) -> None:
    assert list(unsuitable(server)) == []


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (RedisServer(eviction="allkeys-lru"), ["maxmemory-policy allkeys-lru", "running ones", "Set noeviction"]),
        (RedisServer(eviction="allkeys-random"), ["maxmemory-policy allkeys-random", "accepted jobs"]),
        (RedisServer(eviction="volatile-ttl"), ["maxmemory-policy volatile-ttl", "results", "Set noeviction"]),
        (RedisServer(role="slave"), ["replica", "redis+sentinel://"]),
        (RedisServer(version=(6, 0), name="Redis 6.0.16"), ["Redis 6.0.16 is older than 6.2", "upgrade"]),
    ],
)
def test_a_server_that_does_not_suit_is_told_in_a_sentence(server: RedisServer, words: list[str]) -> None:
    (sentence,) = unsuitable(server)
    assert all(word in sentence for word in words)
    assert sentence.endswith(".")
