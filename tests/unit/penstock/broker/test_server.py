"""What is said of a server that does not suit us, and that nothing is said of one that does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.server import Server, unsuitable

GOOD = Server(version=(7, 2), role="master", eviction="noeviction")


def test_a_server_is_read_from_its_info() -> None:
    info = b"# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n"
    assert Server.from_info(info) == Server(version=(7, 0), role="slave", eviction="noeviction")
    assert Server.from_info(b"redis_version:8\r\n").version == (8, 0)


@given(st.binary())
def test_a_server_that_says_little_is_taken_as_it_is(info: bytes) -> None:
    server = Server.from_info(b"redis_version_of_another_kind:9\r\n" + info.replace(b"redis_version:", b""))
    assert server.version == (0, 0)
    assert not server.knows_flags


@pytest.mark.parametrize("server", [GOOD, Server(), Server(version=(6, 2), role="master", eviction="noeviction")])
def test_nothing_is_said_of_a_server_that_suits(server: Server) -> None:
    assert list(unsuitable(server)) == []


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (Server(eviction="allkeys-lru"), ["maxmemory-policy allkeys-lru", "running ones", "Set noeviction"]),
        (Server(eviction="allkeys-random"), ["maxmemory-policy allkeys-random", "accepted jobs"]),
        (Server(eviction="volatile-ttl"), ["maxmemory-policy volatile-ttl", "results", "Set noeviction"]),
        (Server(role="slave"), ["replica", "redis+sentinel://"]),
        (Server(version=(6, 0)), ["Redis 6.0 is older than 6.2", "upgrade"]),
    ],
)
def test_a_server_that_does_not_suit_is_told_in_a_sentence(server: Server, words: list[str]) -> None:
    (sentence,) = unsuitable(server)
    assert all(word in sentence for word in words)
    assert sentence.endswith(".")
