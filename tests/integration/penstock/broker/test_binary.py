"""Which server is taken: the first on the PATH that is new enough and runs, else the one that we bring along."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.broker.embedded import ServerBinary, find_server, servers_on_path, wheel_server
from tests.servers import oldest_server


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(file: Path, program: str) -> None:
    file.write_text(f"#!/bin/sh\n{program}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("command", ["redis-server", "valkey-server"])
def test_a_server_on_the_path_comes_first(path: Path, command: str) -> None:
    (path / command).symlink_to(oldest_server().path)
    assert find_server() == ServerBinary(path / command, "Redis", (6, 2))


def test_the_wheel_serves_where_nothing_is_installed(path: Path) -> None:
    assert servers_on_path() == []
    server = find_server()
    assert server == wheel_server()
    assert server.name == "Valkey"
    assert server.version >= (9, 1)


@pytest.mark.parametrize("program", ["echo Redis server v=6.0.16 sha=0", "echo something else", "exit 127"])
def test_a_server_that_is_too_old_or_does_not_run_is_passed_over(path: Path, program: str) -> None:
    put(path / "redis-server", program)
    assert find_server() == wheel_server()
    put(path / "valkey-server", "echo Valkey server v=8.1.4 sha=00000000:0 malloc=libc")
    assert str(find_server()) == "Valkey 8.1"
