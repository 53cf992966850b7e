"""Who wrote a snapshot, and who can read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.embedded import ServerBinary
from penstock.broker.embedded.data_folder import DataFolder, Writer

#: As their files begin.
HEADS = {
    "Redis 6.2.14": b"REDIS0009\xfa\tredis-ver\x066.2.14\xfa\nredis-bits\xc0@",
    "Redis 7.0.15": b"REDIS0010\xfa\tredis-ver\x067.0.15\xfa\nredis-bits\xc0@",
    "Redis 8.0.0": b"REDIS0012\xfa\tredis-ver\x058.0.0\xfa\nredis-bits\xc0@",
    "Valkey 8.1.4": b"REDIS0011\xfa\nvalkey-ver\x058.1.4\xfa\nredis-bits\xc0@",
    "Valkey 9.1.2": b"VALKEY080\xfa\nvalkey-ver\x059.1.2\xfa\nredis-bits\xc0@",
}


def server(name: str, *version: int) -> ServerBinary:
    major, minor = version
    return ServerBinary(Path("server"), name, (major, minor))


@pytest.mark.parametrize("said", HEADS)
def test_a_snapshot_says_who_wrote_it(said: str) -> None:
    assert str(Writer.of(HEADS[said])) == said


@given(st.binary(max_size=80))
def test_what_is_no_snapshot_says_nothing(head: bytes) -> None:
    assert Writer.of(b"*" + head) is None
    assert Writer.of(b"REDIS0011" + head.replace(b"-ver", b"")) is None


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("Redis 7.0.15", server("Redis", 7, 0)),
        ("Redis 7.0.15", server("Redis", 8, 2)),
        ("Redis 6.2.14", server("Valkey", 7, 2)),
        ("Redis 7.0.15", server("Valkey", 9, 1)),
        ("Valkey 8.1.4", server("Redis", 7, 2)),
        ("Valkey 9.1.2", server("Valkey", 9, 2)),
    ],
)
def test_older_files_are_read(writer: str, reader: ServerBinary) -> None:
    wrote = Writer.of(HEADS[writer])
    assert wrote is not None
    assert wrote.is_read_by(reader)


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("Redis 8.0.0", server("Redis", 7, 4)),
        ("Redis 8.0.0", server("Valkey", 9, 1)),
        ("Valkey 8.1.4", server("Redis", 7, 0)),
        ("Valkey 9.1.2", server("Redis", 8, 2)),
        ("Valkey 9.1.2", server("Valkey", 9, 0)),
    ],
)
def test_files_of_a_newer_or_another_format_are_not(writer: str, reader: ServerBinary) -> None:
    wrote = Writer.of(HEADS[writer])
    assert wrote is not None
    assert not wrote.is_read_by(reader)


def test_nothing_is_said_against_a_server_that_can_read_or_of_an_empty_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, server("Redis", 7, 0))
    assert folder.why_unreadable() is None
    files = tmp_path / "appendonlydir"
    files.mkdir()
    assert folder.why_unreadable() is None
    (files / "base").write_bytes(HEADS["Redis 7.0.15"])
    (files / "appendonly.aof.manifest").write_text("file base seq 1 type b\nfile more seq 1 type i\n")
    assert folder.why_unreadable() is None
    (files / "base").write_bytes(HEADS["Valkey 9.1.2"])
    assert "was written by Valkey 9.1.2, whose files server (Redis 7.0) cannot read" in (folder.why_unreadable() or "")
