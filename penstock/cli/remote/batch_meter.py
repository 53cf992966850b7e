"""How fast a batch goes, and when it will be done. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Self

from msgspec import Struct

#: Over how long a rate is taken: long enough to be steady, short enough to follow.
_OVER_S = 30.0


class Counts(Struct, frozen=True, kw_only=True):
    """How far a batch is."""

    total: int
    completed: int
    failed: int
    #: Generated so far.
    tokens: int

    @classmethod
    def of(cls, batch: Mapping[str, Any]) -> Self:
        """Those of a batch's object."""
        counts, usage = batch["request_counts"], batch["usage"] or {}
        return cls(
            total=counts["total"],
            completed=counts["completed"],
            failed=counts["failed"],
            tokens=usage.get("output_tokens", 0),
        )

    @property
    def done(self) -> int:
        """Lines that have ended."""
        return self.completed + self.failed


class Pace(Struct, frozen=True):
    """Rates of the last half minute; None where nothing is known yet."""

    lines_per_s: float | None = None
    tokens_per_s: float | None = None
    left_s: float | None = None


class Meter:
    """Counts, as they were seen lately."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Counts]] = deque()

    def add(self, now_s: float, counts: Counts) -> Pace:
        """Take what was seen now; returns the pace that follows."""
        self._seen.append((now_s, counts))
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - _OVER_S:
            self._seen.popleft()
        began_s, first = self._seen[0]
        took_s = now_s - began_s
        if took_s <= 0:
            return Pace()
        lines_per_s = (counts.done - first.done) / took_s
        left_s = (counts.total - counts.done) / lines_per_s if lines_per_s > 0 else None
        return Pace(lines_per_s, (counts.tokens - first.tokens) / took_s, left_s)
