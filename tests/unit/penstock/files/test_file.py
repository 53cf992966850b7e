"""A file's record, and its place in storage."""

from __future__ import annotations

import pytest

from penstock.files.file import File, Part, Purpose, Upload, object_name, read_file, record_of, upload_of

FILE = File(
    id="file-1",
    tenant="acme",
    filename="größe.jsonl",
    bytes=12,
    lines=2,
    purpose=Purpose.BATCH_OUTPUT,
    created_ms=1000,
    expires_ms=2000,
    parts=(Part("batches/1/0", 5), Part("batches/1/1", 7)),
)


def stored(file: File) -> dict[bytes, bytes]:
    """As Redis has it."""
    return {
        name.encode(): value if isinstance(value, bytes) else str(value).encode()
        for name, value in record_of(file).items()
    }


def test_a_record_is_read_as_it_was_written() -> None:
    assert read_file("acme", "file-1", stored(FILE)) == FILE


def test_a_deleted_file_is_none() -> None:
    assert read_file("acme", "file-1", {b"deleted": b"1", b"parts": b"[]"}) is None


def test_a_file_expires_at_its_time_or_never() -> None:
    assert [FILE.has_expired(1999), FILE.has_expired(2000)] == [False, True]


@pytest.mark.parametrize("tenant", ["acme", "a..b", "default", "a%2fb"])
def test_an_object_tells_whose_it_is(tenant: str) -> None:
    assert upload_of(object_name(tenant, "file-1")) == Upload(tenant, "file-1")
    assert upload_of("files/acme") is None
