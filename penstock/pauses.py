"""Pauses between tries of what goes wrong: each twice as long as the one before, up to a longest."""

from __future__ import annotations


class GrowingPause:
    """The next pause, in seconds."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._last_s = 0.0

    @property
    def has_begun(self) -> bool:
        """Whether the last try went wrong."""
        return self._last_s > 0

    def next_s(self) -> float:
        """A try went wrong: how long to wait before the next."""
        self._last_s = min(max(self._last_s * 2, self._first_s), self._longest_s)
        return self._last_s

    def reset(self) -> None:
        """A try succeeded."""
        self._last_s = 0.0
