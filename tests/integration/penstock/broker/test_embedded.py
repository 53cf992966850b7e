from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from penstock.broker.embedded import EmbeddedRedis, ServerBinary
from penstock.errors import BrokerUnavailableError, SettingsError
from penstock.settings import Fsync, RedisSettings
from tests.servers import SERVERS
from tests.waiting import eventually, is_alive


@pytest.fixture(params=SERVERS.values(), ids=list(SERVERS))
def binary(request: pytest.FixtureRequest) -> ServerBinary:
    chosen: ServerBinary = request.param
    return chosen


@pytest.fixture
def server(binary: ServerBinary, data_dir: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir), binary)
    yield server
    server.stop()


def test_it_serves_durably_and_refuses_to_forget(server: EmbeddedRedis) -> None:
    server.start()
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_it_keeps_acknowledged_writes_over_a_sigkill(server: EmbeddedRedis) -> None:
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    server.kill()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_it_keeps_everything_over_an_orderly_stop(server: EmbeddedRedis) -> None:
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    server.stop()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_durability_and_memory_follow_the_settings(binary: ServerBinary, data_dir: Path) -> None:
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir, appendfsync=Fsync.ALWAYS, maxmemory_mb=64), binary)
    server.start()
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("maxmemory") == {"maxmemory": str(64 << 20)}
    server.stop()


def test_only_its_user_can_open_the_socket(server: EmbeddedRedis, data_dir: Path) -> None:
    server.start()
    assert (data_dir / "redis.sock").stat().st_mode & 0o777 == 0o700


def test_a_second_stack_on_the_same_folder_is_told_what_to_do(server: EmbeddedRedis, data_dir: Path) -> None:
    server.start()
    with pytest.raises(SettingsError, match=r"another Penstock runs on .* choose another folder"):
        EmbeddedRedis(RedisSettings(data_dir=data_dir)).start()


def test_a_folder_with_a_long_path_is_served_from_the_temporary_folder(binary: ServerBinary, data_dir: Path) -> None:
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir / ("a long name " * 10)), binary)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    server.stop()


def test_a_server_that_cannot_read_its_data_says_why(server: EmbeddedRedis, data_dir: Path) -> None:
    server.start()
    server.stop()
    for file in data_dir.rglob("appendonly.aof*"):
        if file.is_file():
            file.write_bytes(b"not an append-only file\r\n")
    with pytest.raises(BrokerUnavailableError, match="did not start"):
        server.start()


def test_it_dies_with_its_parent_and_frees_the_folder(data_dir: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from penstock.settings import RedisSettings\n"
        "from penstock.broker.embedded import EmbeddedRedis\n"
        "server = EmbeddedRedis(RedisSettings(data_dir=Path(sys.argv[1]))); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, data_dir], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not is_alive(pid))
    again = EmbeddedRedis(RedisSettings(data_dir=data_dir))
    again.start()
    again.stop()
