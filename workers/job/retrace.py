"""A generation that began anew after its worker was lost, against what clients have seen of the one before."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.errors import WorkerLostError
from penstock.frames import Generated


class Retrace:
    """Passes on what goes beyond the text that was seen, at the offsets that follow it.

    Some generations cannot go on from their tokens (a grammar, several choices). Their second run may be cut into
    tokens differently, but its text must begin with what clients have.
    """

    def __init__(self, seen: Generated, *, separator: str = "") -> None:
        self._separator = separator
        #: What clients have, less what the new run has repeated so far.
        self._expected = self._join(seen.pieces)
        #: What the new run has beyond that, waiting for an offset of its own.
        self._ahead = ""
        #: Tokens until the offsets that clients have are used up.
        self._repeated = len(seen.tokens)

    def beyond(self, tokens: list[int], pieces: list[str]) -> tuple[list[int], list[str]]:
        """The tokens and pieces that follow what was seen. Raises WorkerLostError if the new text contradicts it."""
        if not self._repeated and not self._expected and not self._ahead:
            return tokens, pieces
        fresh = [piece for piece in map(self._next, pieces) if piece is not None]
        return tokens[len(tokens) - len(fresh) :], fresh

    def check_end(self) -> None:
        """Raises WorkerLostError where the new run ended before what clients have."""
        if self._repeated or self._expected or self._ahead:
            raise _contradiction()

    def _next(self, piece: str) -> str | None:
        """A piece's part that is new, or None while the offset it would have is one that clients have."""
        text = self._ahead + self._join([piece])
        common = min(len(text), len(self._expected))
        if text[:common] != self._expected[:common]:
            raise _contradiction()
        self._expected, self._ahead = self._expected[common:], text[common:]
        if self._repeated:
            self._repeated -= 1
            return None
        fresh, self._ahead = self._ahead, ""
        return fresh.removesuffix(self._separator)

    def _join(self, pieces: Sequence[str]) -> str:
        return "".join(piece + self._separator for piece in pieces if piece)


def _contradiction() -> WorkerLostError:
    return WorkerLostError("The worker was lost, and a second run of this request gave another answer.")
