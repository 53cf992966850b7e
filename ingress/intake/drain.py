"""How fast a pool works off its jobs, as this process sees it."""

from __future__ import annotations

import math

#: Older ends count for less: by a factor e per this time.
_MEMORY_S = 10.0


class DrainRate:
    """Jobs ended per second, lately."""

    __slots__ = ("_at_s", "_per_s")

    def __init__(self) -> None:
        self._per_s = 0.0
        self._at_s = 0.0

    def record(self, now_s: float) -> None:
        """A job ended."""
        self._per_s = self.at(now_s) + 1 / _MEMORY_S
        self._at_s = now_s

    def at(self, now_s: float) -> float:
        """Jobs per second."""
        return self._per_s * math.exp((self._at_s - now_s) / _MEMORY_S)
