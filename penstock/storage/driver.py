"""What a kind of storage has to do: plain blocking calls, which `Storage` makes on threads.

Whatever goes wrong is the error of the library underneath: `trouble.py` puts it into Penstock's words.
FileNotFoundError is an object that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct


class Stored(Struct, frozen=True):
    """An object as a list of them has it."""

    name: str
    bytes: int
    #: Unix seconds.
    modified_s: float


class Draft(Protocol):
    """An object that is being written, which nobody sees until it is committed."""

    def write(self, data: bytes) -> None:
        """Append."""

    def commit(self) -> None:
        """Make it visible, all at once and in the place of what had its name; durable when this returns."""

    def discard(self) -> None:
        """Leave nothing of it; may be called while another thread is in one of the others, and waits for that."""


class Driver(Protocol):
    """A kind of storage."""

    #: For errors: what people call the place, without anything secret.
    where: str
    #: How much is worth reading at once: what is far away takes long for each call.
    read_bytes: int

    def create(self, name: str) -> Draft:
        """Begin an object."""

    def read(self, name: str, start: int, end: int) -> bytes:
        """Some of its bytes, `end` exclusive and within it."""

    def size(self, name: str) -> int:
        """How many bytes it has."""

    def delete(self, name: str) -> None:
        """Delete it; one that is not there is fine."""

    def copy(self, source: str, target: str) -> None:
        """Make the same object under another name, in the place of what had it."""

    def names(self, prefix: str) -> Iterator[Stored]:
        """The objects whose names begin so, in any order."""

    def clear_unfinished(self, before_s: float) -> Iterator[bool]:
        """Remove what killed writers have left, if it is older than that moment (Unix s).

        Yields for each thing that is looked at whether it was removed.
        """
