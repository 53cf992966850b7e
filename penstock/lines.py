"""Bytes cut into lines as they come: JSON Lines, of which nothing is ever whole in memory."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(Struct, frozen=True, gc=False):
    """A line that is not blank."""

    #: From 0; blank lines count.
    number: int
    #: Without its end and blanks around it; None where it is longer than a line may be.
    text: bytes | None
    #: Where it begins, in bytes from the splitter's beginning, and how long it is with its end.
    offset: int
    size: int


class LineSplitter:
    """Cuts what comes into lines of a bounded length."""

    def __init__(self, longest_bytes: int) -> None:
        self._longest_bytes = longest_bytes
        self._begun = b""
        self._is_too_long = False
        self._number = 0
        #: Where the line that has begun begins, and how much of it came in former parts.
        self._offset = 0
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that end in these bytes."""
        if self._size:
            part, end, data = data.partition(b"\n")
            if not end:
                self._keep(part)
                return
            if (line := self._end(part, 1)) is not None:
                yield line
        *ended, rest = data[self._pass_over_blank_lines(data) :].split(b"\n")
        for part in ended:
            if (not part or part.isspace()) and len(part) <= self._longest_bytes:
                self._offset += len(part) + 1
                self._number += 1
            elif (line := self._end(part, 1)) is not None:
                yield line
        self._keep(rest)

    def end(self) -> Iterator[Line]:
        """The last line, which needs no end."""
        if (line := self._end(b"", 0)) is not None:
            yield line

    def _pass_over_blank_lines(self, data: bytes) -> int:
        """How many bytes the blank lines have that it begins with: a file may be made of nothing else."""
        blanks = data[: len(data) - len(data.lstrip())]
        size = blanks.rfind(b"\n") + 1 if len(blanks) <= self._longest_bytes else 0
        self._number += blanks.count(b"\n", 0, size)
        self._offset += size
        return size

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if len(self._begun) + len(part) > self._longest_bytes:
            self._begun, self._is_too_long = b"", True
        elif not self._is_too_long:
            self._begun = self._begun + part if self._begun else part

    def _end(self, part: bytes, end_bytes: int) -> Line | None:
        self._keep(part)
        text: bytes | None = self._text()
        line = None if text == b"" else Line(self._number, text, self._offset, self._size + end_bytes)
        self._offset += self._size + end_bytes
        self._number += 1
        self._begun, self._is_too_long, self._size = b"", False, 0
        return line

    def _text(self) -> bytes | None:
        if self._is_too_long:
            return None
        return (self._begun if self._offset else self._begun.removeprefix(BYTE_ORDER_MARK)).strip()
