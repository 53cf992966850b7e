"""A file: its record, and the parts in storage that it consists of."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

#: Uploads in storage: their names begin so.
FOLDER = "files/"
_ID_BYTES = 12


class Purpose(enum.StrEnum):
    """What a file is for."""

    #: The requests of a batch: what clients upload.
    BATCH = "batch"
    #: The answers of one, or its errors.
    BATCH_OUTPUT = "batch_output"


#: What may be uploaded.
UPLOADABLE = (Purpose.BATCH,)


class Part(Struct, frozen=True):
    """An object in storage that holds some of a file's bytes, and nothing else; it never changes."""

    name: str
    bytes: int


class File(Struct, frozen=True, kw_only=True):
    """A file as it is kept. Times are Unix milliseconds; 0 is `never`."""

    id: str
    tenant: str
    filename: str
    bytes: int
    #: Those that are ended, and a last one that is not, unless it is blank.
    lines: int
    purpose: Purpose
    created_ms: int
    expires_ms: int
    #: In their order.
    parts: Sequence[Part]

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in its tenant's list; greater is newer."""
        return self.created_ms, self.id

    def has_expired(self, now_ms: int) -> bool:
        """Whether it is to be seen no more."""
        return 0 < self.expires_ms <= now_ms


class Upload(Struct, frozen=True):
    """Whose file an uploaded object is."""

    tenant: str
    id: str


_parts = msgspec.json.Decoder(tuple[Part, ...])


def new_file_id() -> str:
    """An id for a new one."""
    return f"file-{secrets.token_hex(_ID_BYTES)}"


def object_name(tenant: str, file_id: str) -> str:
    """The name in storage of an upload."""
    return f"{FOLDER}{quote(tenant, safe='')}/{file_id}"


def upload_of(name: str) -> Upload | None:
    """Whose upload has that name in storage; None for what is no upload's."""
    words = name.split("/")
    return Upload(unquote(words[1]), words[2]) if len(words) == len(("files", "tenant", "id")) else None


def record_of(file: File) -> Mapping[str, str | bytes | int]:
    """Its record, without the id and the tenant that its key names."""
    return {
        "filename": file.filename,
        "bytes": file.bytes,
        "lines": file.lines,
        "purpose": file.purpose,
        "created_ms": file.created_ms,
        "expires_ms": file.expires_ms,
        "parts": msgspec.json.encode(file.parts),
    }


def read_file(tenant: str, file_id: str, record: Mapping[bytes, bytes]) -> File | None:
    """Read a record; None for one that was deleted. Raises KeyError, ValueError or msgspec.DecodeError."""
    if b"deleted" in record:
        return None
    return File(
        id=file_id,
        tenant=tenant,
        filename=record[b"filename"].decode(),
        bytes=int(record[b"bytes"]),
        lines=int(record[b"lines"]),
        purpose=Purpose(record[b"purpose"].decode()),
        created_ms=int(record[b"created_ms"]),
        expires_ms=int(record[b"expires_ms"]),
        parts=_parts.decode(record[b"parts"]),
    )


def decode_parts(stored: bytes) -> Sequence[Part]:
    """The parts of a record. Raises msgspec.DecodeError."""
    return _parts.decode(stored)
