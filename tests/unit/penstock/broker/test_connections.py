"""Redis URLs: every form that is taken, and a sentence for every one that is not."""

from __future__ import annotations

import pytest

from penstock.broker.channel import servers_of
from penstock.broker.connections import Endpoint
from penstock.errors import SettingsError
from penstock.settings.kinds import RedisForm

HOST = (("redis.example", 6379),)

FORMS = [
    ("redis://redis.example", Endpoint(RedisForm.SINGLE, HOST)),
    ("redis://redis.example:7000/3", Endpoint(RedisForm.SINGLE, (("redis.example", 7000),), db=3)),
    ("redis://:secret@redis.example", Endpoint(RedisForm.SINGLE, HOST, password="secret")),
    ("redis://me:se%40cret@redis.example", Endpoint(RedisForm.SINGLE, HOST, username="me", password="se@cret")),
    ("redis://[::1]:7000", Endpoint(RedisForm.SINGLE, (("::1", 7000),))),
    ("redis://[::1]", Endpoint(RedisForm.SINGLE, (("::1", 6379),))),
    ("rediss://redis.example/1", Endpoint(RedisForm.SINGLE, HOST, db=1, tls=True)),
    ("unix:///run/redis.sock", Endpoint(RedisForm.UNIX, path="/run/redis.sock")),
    ("unix:///run/redis.sock?db=2", Endpoint(RedisForm.UNIX, path="/run/redis.sock", db=2)),
    ("unix:///a%20b%3Fc%23d%25/%C3%A9.sock", Endpoint(RedisForm.UNIX, path="/a b?c#d%/é.sock")),
    (
        "redis+sentinel://:pw@a,b:5000/main/2",
        Endpoint(RedisForm.SENTINEL, (("a", 26379), ("b", 5000)), password="pw", db=2, service="main"),
    ),
    ("redis+cluster://a:1,b:2", Endpoint(RedisForm.CLUSTER, (("a", 1), ("b", 2)))),
    ("rediss+cluster://a:1,b:2", Endpoint(RedisForm.CLUSTER, (("a", 1), ("b", 2)), tls=True)),
    ("rediss+sentinel://a/main", Endpoint(RedisForm.SENTINEL, (("a", 26379),), service="main", tls=True)),
]

MISTAKES = [
    ("", "unknown scheme"),
    ("localhost:6379", "unknown scheme"),
    ("http://localhost", "unknown scheme"),
    ("redis://", "names no host"),
    ("redis:redis.example", "names no host"),
    ("redis://a,b", "several hosts"),
    ("redis://a:port", "is not a number"),
    ("redis://a/first", "is not a number"),
    ("redis://a/1/2", "goes on too long"),
    ("redis://a?timeout=5", "unknown option 'timeout'"),
    ("redis://a:99999", "is no port"),
    ("redis://:pass#word@a", "write it as %23"),
    ("redis://[::1", "cannot read"),
    ("unix://", "needs the path"),
    ("unix:///" + "s" * 107, "at most 107 bytes"),
    ("unix:///s#1", "write it as %23"),
    ("unix:///s?db=first", "is not a number"),
    ("unix:///s?mode=7", "unknown option 'mode'"),
    ("redis+sentinel://a:26379", "lacks the master's name"),
    ("redis+cluster://", "names no host"),
    ("redis+cluster://a:1/2", "goes on too long"),
]


@pytest.mark.parametrize(("url", "endpoint"), FORMS)
def test_every_form_is_read(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint


@pytest.mark.parametrize(("url", "complaint"), MISTAKES)
def test_a_wrong_url_is_refused_with_the_settings_name(url: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=rf"^redis\.url: .*{complaint}"):
        Endpoint.parse(url)


def test_a_complaint_does_not_tell_the_password() -> None:
    with pytest.raises(SettingsError) as caught:
        Endpoint.parse("redis://me:secret@a:port")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", [url for url, _ in FORMS])
async def test_every_form_makes_a_channel(url: str) -> None:
    await servers_of(Endpoint.parse(url), 1.0).channel().close()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://ada:secret@here:6380/2", "redis://here:6380/2"),
        ("rediss://:secret@[::1]", "rediss://[::1]:6379"),
        ("unix:///run/redis%20one.sock?db=3", "unix:///run/redis one.sock"),
        ("rediss+sentinel://:secret@a:1,b:2/main/3", "rediss+sentinel://a:1,b:2/main/3"),
        ("redis+cluster://:secret@a:1,b:2", "redis+cluster://a:1,b:2"),
    ],
)
def test_an_address_for_people_has_no_password(url: str, address: str) -> None:
    assert Endpoint.parse(url).address == address
