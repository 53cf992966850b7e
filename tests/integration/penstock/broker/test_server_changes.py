"""A data folder that one server wrote and another opens: what is there is served, or refused and left whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import redis

from penstock.broker.embedded import EmbeddedRedis, ServerBinary
from penstock.broker.embedded.data_folder import Writer
from penstock.errors import SettingsError
from penstock.settings import RedisSettings
from tests.servers import SERVERS
from tests.waiting import eventually

#: The annotations of redis-py know no difference between its clients.
Client = Any


def can_read(reader: ServerBinary, writer: ServerBinary) -> bool:
    return Writer(writer.name, writer.version, "").is_read_by(reader)


#: Writer and reader.
CHANGES = list(permutations(SERVERS, 2))
READABLE = [(one, other) for one, other in CHANGES if can_read(SERVERS[other], SERVERS[one])]
UNREADABLE = [change for change in CHANGES if change not in READABLE]


@contextmanager
def serving(data_dir: Path, server: ServerBinary) -> Iterator[Client]:
    embedded = EmbeddedRedis(RedisSettings(data_dir=data_dir), server)
    try:
        embedded.start()
        with redis.Redis.from_url(embedded.url, decode_responses=True) as client:
            yield client
    finally:
        embedded.stop()


def append(client: Client) -> None:
    """Something of each type that we keep, one of them by a script and with an expiry."""
    client.hset("hash", mapping={"state": "queued", "fence": 1})
    client.zadd("sorted", {"member": 1.5})
    client.rpush("list", "one", "two")
    client.sadd("set", "only")
    client.xadd("stream", {"job": "j"}, id="1-1")
    script = "redis.call('SET', KEYS[1], ARGV[1], 'PX', 600000) return redis.call('INCR', KEYS[2])"
    assert client.eval(script, 2, "text", "count", "kept") == 1


def snapshot(client: Client) -> None:
    """The same, as the snapshot at the beginning of the append-only file that a server writes after a while."""
    append(client)
    rewrite(client)


def rewrite(client: Client) -> None:
    client.bgrewriteaof()
    assert eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"])


def assert_all_there(client: Client) -> None:
    assert client.hgetall("hash") == {"state": "queued", "fence": "1"}
    assert client.zrange("sorted", 0, -1, withscores=True) == [("member", 1.5)]
    assert client.lrange("list", 0, -1) == ["one", "two"]
    assert client.smembers("set") == {"only"}
    assert client.xrange("stream") == [("1-1", {"job": "j"})]
    assert (client.get("text"), client.get("count")) == ("kept", "1")
    assert 0 < client.pttl("text") <= 600_000


@pytest.mark.parametrize("fill", [append, snapshot])
@pytest.mark.parametrize(("old", "new"), READABLE)
def test_a_newer_server_goes_on_with_the_data(
    data_dir: Path, old: str, new: str, fill: Callable[[Client], None]
) -> None:
    with serving(data_dir, SERVERS[old]) as client:
        fill(client)
    for _ in range(2):
        with serving(data_dir, SERVERS[new]) as client:
            assert_all_there(client)
            rewrite(client)


@pytest.mark.parametrize("fill", [append, snapshot])
@pytest.mark.parametrize(("new", "old"), UNREADABLE)
def test_an_older_server_leaves_the_data_whole_and_says_who_can_read_them(
    data_dir: Path, new: str, old: str, fill: Callable[[Client], None]
) -> None:
    newer, older = SERVERS[new], SERVERS[old]
    with serving(data_dir, newer) as client:
        fill(client)
    with pytest.raises(SettingsError) as caught, serving(data_dir, older):
        pass
    (sentence,) = str(caught.value).splitlines()
    assert sentence.startswith(f"redis.data_dir: {data_dir} was written by {newer}.")
    assert f"{older.path} ({older})" in sentence
    assert sentence.endswith("or choose another folder (DATA= for make, PENSTOCK__REDIS__DATA_DIR).")
    with serving(data_dir, newer) as client:
        assert_all_there(client)


def test_a_folder_of_unknown_files_is_not_overlooked(data_dir: Path) -> None:
    (data_dir / "appendonlydir").mkdir()
    oldest = next(iter(SERVERS.values()))
    with (
        pytest.raises(SettingsError, match=r"was written by Redis 7 or newer.*start empty; install redis-server 7"),
        serving(data_dir, oldest),
    ):
        pass
