"""Stop strings in a text that arrives in pieces: when one is complete, and what may be shown before it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A stop string that is complete: `end` is where it ends in the text looked at."""

    stop: str
    end: int


class StopStrings:
    """Passes a text on piece by piece up to the first stop string.

    The stop string that is complete first wins; of two complete at the same character, the first listed. Without
    `include` it is cut off, so that what may be its beginning is held back; with `include` nothing is held back.
    """

    __slots__ = ("_beginning", "_first_characters", "_include", "_longest", "_stops", "found")

    def __init__(self, stops: tuple[str, ...], *, include: bool) -> None:
        self._stops = stops
        self._include = include
        self._first_characters = frozenset(stop[0] for stop in stops)
        self._longest = max(map(len, stops))
        #: The longest end of the text so far that begins a stop string; "" if there is none.
        self._beginning = ""
        #: The stop string that ended the text, once one has.
        self.found: str | None = None

    def push(self, piece: str, *, may_stop: bool = True) -> str:
        """The text that may be passed on now; with `may_stop` off, a stop string that `piece` completes is ignored."""
        if not self._beginning and self._first_characters.isdisjoint(piece):
            return piece
        seen = len(self._beginning)
        text = self._beginning + piece
        match = self._find(text, seen) if may_stop else None
        if match is not None:
            return self._end(text, seen, match)
        held_from = self._next_beginning(text)
        self._beginning = text[held_from:]
        return text[seen:] if self._include else text[:held_from]

    def flush(self) -> str:
        """What was kept back, for when the text ends without a stop string."""
        held = "" if self._include else self._beginning
        self._beginning = ""
        return held

    def _end(self, text: str, seen: int, match: Found) -> str:
        self.found = match.stop
        self._beginning = ""
        return text[seen : match.end] if self._include else text[: match.end - len(match.stop)]

    def _find(self, text: str, seen: int) -> Found | None:
        """The first complete stop string that ends after the `seen` characters searched before."""
        best: Found | None = None
        for stop in self._stops:
            start = text.find(stop, max(seen - len(stop) + 1, 0))
            if start >= 0 and (best is None or start + len(stop) < best.end):
                best = Found(stop, start + len(stop))
        return best

    def _next_beginning(self, text: str) -> int:
        """The index at which the longest end of `text` that begins a stop string starts; its length if none does."""
        for start in range(max(len(text) - self._longest + 1, 0), len(text)):
            if text[start] in self._first_characters:
                end = text[start:]
                if any(stop.startswith(end) for stop in self._stops):
                    return start
        return len(text)
