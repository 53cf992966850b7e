"""Parts: the immutable pieces that a batch's output is made of."""

from __future__ import annotations

import enum
import hashlib

import msgspec
from msgspec import Struct


class Kind(enum.StrEnum):
    """The file that a part belongs to."""

    OUTPUT = "output"
    ERRORS = "errors"


class BatchPart(Struct, frozen=True, array_like=True):
    """A part, as the manifest lists it."""

    kind: Kind
    #: In storage.
    name: str
    bytes: int
    lines: int


_decoder = msgspec.msgpack.Decoder(BatchPart)


#: All batches in storage: names begin so.
FOLDER = "batches/"


def folder_of(batch: str) -> str:
    """Where all of a batch is in storage."""
    return f"{FOLDER}{batch}/"


def batch_of(name: str) -> str:
    """The batch whose folder an object is in; "" for what is in none."""
    words = name.split("/")
    return words[1] if len(words) == len(("batches", "batch", "object")) else ""


def file_id(batch: str, kind: Kind) -> str:
    """The id of one of the files that a batch makes: the same whoever makes it."""
    return f"file-{hashlib.sha256(f'{batch} {kind}'.encode()).hexdigest()[:24]}"


def input_name(batch: str) -> str:
    """The batch's own copy of its input."""
    return f"{folder_of(batch)}input"


def part_name(batch: str, kind: Kind, recorded: int, digest: str) -> str:
    """A part's name in storage.

    It tells how many lines were recorded before, and the content's digest: written twice, it is the same object, and
    what another process writes in its place is another.
    """
    return f"{folder_of(batch)}{kind}-{recorded:08d}-{digest}"


def encode_part(part: BatchPart) -> bytes:
    """As the manifest keeps it."""
    return msgspec.msgpack.encode(part)


def decode_part(text: bytes) -> BatchPart:
    """Read an entry of the manifest. Raises msgspec.DecodeError."""
    return _decoder.decode(text)
