"""How many lines a text has, counted as it passes. Pure."""

from __future__ import annotations


class LineCount:
    """Lines that are ended, and a last one that is not, unless it is blank."""

    def __init__(self) -> None:
        self._ended = 0
        self._has_more = False

    def feed(self, data: bytes) -> None:
        """Count what comes next."""
        last = data.rfind(b"\n")
        if last >= 0:
            self._ended += data.count(b"\n")
            self._has_more = False
        self._has_more = self._has_more or bool(data[last + 1 :].strip())

    @property
    def lines(self) -> int:
        """So far."""
        return self._ended + self._has_more
