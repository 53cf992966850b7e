"""A file's bytes across the objects that hold them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from penstock.files.file import Part
    from penstock.storage import Storage


class Piece(Struct, frozen=True):
    """What is read of one part: from `start` to before `end`."""

    name: str
    start: int
    end: int


async def read_parts(
    storage: Storage, parts: Sequence[Part], start: int = 0, end: int | None = None
) -> AsyncGenerator[bytes]:
    """The bytes from `start` to before `end` of what the parts are together, in chunks of at most 1 MiB.

    Raises StorageError: StorageMissingError for a part that is not there, or is shorter than it was.
    """
    for piece in pieces(parts, start, end):
        async with aclosing(storage.read(piece.name, piece.start, piece.end)) as chunks:
            async for chunk in chunks:
                yield chunk


def pieces(parts: Sequence[Part], start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """What is to be read of each part that has some of these bytes."""
    at = 0
    for part in parts:
        first, last = max(start - at, 0), part.bytes if end is None else min(end - at, part.bytes)
        if first < last:
            yield Piece(part.name, first, last)
        at += part.bytes
