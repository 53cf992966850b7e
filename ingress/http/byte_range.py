"""Which part of a content a request wants (RFC 9110, 14). Pure."""

from __future__ import annotations

import re

from msgspec import Struct

from penstock.errors import RangeError

#: One range; of several the client gets the whole, as a server may do.
_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class ByteRange(Struct, frozen=True):
    """From `start` to before `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """For the header of that name."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def range_of(header: str | None, size: int) -> ByteRange | None:
    """What a Range header asks for of so many bytes; None for all of them, as where it says nothing that is understood.

    Raises RangeError where nothing of it is there.
    """
    match = _ONE.fullmatch("".join(header.split())) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        found = ByteRange(max(size - int(last), 0), size)
    elif last and int(last) < int(first):
        return None
    else:
        found = ByteRange(int(first), min(int(last) + 1, size) if last else size)
    if found.size <= 0:
        raise RangeError(f"The content has {size} bytes: there is nothing of it in {header}.")
    return found
