"""Folders of data that people have, and folders that cannot be one: served, or refused in a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis, ServerBinary
from penstock.broker.query import Query
from penstock.errors import SettingsError
from penstock.settings import RedisSettings
from penstock.settings.sections import SOCKET_PATH_BYTES
from tests.servers import SERVERS

NAMES = [
    "what?",
    "a#b",
    "100%",
    "a%20b",
    "with spaces",
    "ünïcødé 日本",
    """'single' and "double" """,
    "back\\slash",
    "[a]{b}*$HOME",
    "two\nlines",
    os.fsdecode(b"no \xff utf-8"),
    "a:b@c",
    "--port",
    "ends with /.",
    "ö" * 60,
]


@pytest.fixture(params=SERVERS.values(), ids=list(SERVERS))
def binary(request: pytest.FixtureRequest) -> ServerBinary:
    chosen: ServerBinary = request.param
    return chosen


@pytest.mark.parametrize("name", NAMES)
async def test_data_are_kept_in_a_folder_of_any_name(binary: ServerBinary, data_dir: Path, name: str) -> None:
    settings = RedisSettings(data_dir=data_dir / name)
    server = EmbeddedRedis(settings, binary)
    server.start()
    try:
        broker = Broker(Endpoint.parse(settings.address))
        assert await broker.ask(Query(("SET", "kept", "yes"), bool))
        await broker.close()
        server.kill()
        server.start()
        with redis.Redis(unix_socket_path=str(settings.socket)) as client:
            assert client.get("kept") == b"yes"
    finally:
        server.stop()
    assert any(file.name.startswith("appendonly") for file in settings.data_dir.iterdir())


@pytest.fixture
def file(data_dir: Path) -> Iterator[Path]:
    file = data_dir / "file"
    file.write_text("something else")
    yield file
    assert file.read_text() == "something else"


def refused(folder: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        EmbeddedRedis(RedisSettings(data_dir=folder)).spawn()
    (sentence,) = str(caught.value).splitlines()
    assert sentence.startswith("redis.data_dir: ")
    assert sentence.endswith(".")
    return sentence


def test_a_file_is_no_folder(file: Path) -> None:
    assert "File exists" in refused(file)
    assert "Not a directory" in refused(file / "inside")


@pytest.mark.parametrize("folder", ["/proc/data", "/proc/self", "/sys/kernel"])
def test_a_folder_that_nobody_can_write_is_none(folder: str) -> None:
    """Not even the superuser, by whom permissions cannot be tested."""
    assert "cannot keep data in" in refused(Path(folder))


def test_a_name_that_is_too_long_for_the_file_system_is_none(data_dir: Path) -> None:
    assert "File name too long" in refused(data_dir / ("n" * 300))


def test_a_lock_that_is_a_folder_is_none(data_dir: Path) -> None:
    (data_dir / "penstock.lock").mkdir()
    assert "Is a directory" in refused(data_dir)


def test_a_socket_that_fits_nowhere_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = data_dir / ("t" * SOCKET_PATH_BYTES)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert "more than 107 " in refused(deep / "data")
