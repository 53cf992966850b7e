"""Server-sent events around an answer's chunks: plain, or numbered so that a reader can resume."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

import msgspec

from penstock.answers.stream_objects import StreamEnd
from penstock.job import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.answers.chunks import Chunks
    from penstock.answers.position import Position
    from penstock.frames import End

DONE = b"data: [DONE]\n\n"
#: Without a blank line: after an `id:` OpenAI's clients take an event without data for broken JSON.
PING = b": ping\n"
#: Milliseconds before an EventSource connects again; its own choice would be seconds.
RETRY = b"retry: 500\n"

_encode = msgspec.json.encode


class Events(Protocol):
    """The bytes of a job's event stream."""

    @property
    def around(self) -> tuple[bytes, bytes] | None:
        """Where a token is one event: the constant bytes before and after its text as JSON."""

    def opening(self) -> bytes:
        """Before the first token."""

    def of(self, pieces: Sequence[str], offset: int) -> bytes:
        """Of consecutive tokens' pieces; `offset` tokens come before the first."""

    def closing(self, end: End, offset: int) -> bytes:
        """After the last of `offset` tokens."""


@cache
def _ended(tail: bytes) -> bytes:
    """With an event's end: one object for all streams, since a processor's cache holds few; there are four tails."""
    return tail + b"\n\n"


class PlainEvents:
    """An endpoint's own stream: no ids."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self.around = chunks.around and (b"data: " + chunks.around[0], _ended(chunks.around[1]))

    def opening(self) -> bytes:
        """Before the first token."""
        return _joined(self._chunks.opening())

    def of(self, pieces: Sequence[str], offset: int) -> bytes:  # noqa: ARG002 - only numbers need it
        """Of tokens' pieces; an empty piece makes no event."""
        return b"".join([b"data: %b\n\n" % chunk for piece in pieces if piece for chunk in self._chunks.of(piece)])

    def closing(self, end: End, offset: int) -> bytes:  # noqa: ARG002
        """After the last token. What ends with an error is not done."""
        return _joined(self._chunks.closing(end)) + (DONE if _is_done(end) else b"")


class NumberedEvents:
    """A job's event stream: each event has its position as id."""

    around = None

    def __init__(self, chunks: Chunks, after: Position | None, run: int = 0) -> None:
        self._chunks = chunks
        self._seen = after
        #: Before every id, so that it tells the run it is of.
        self._run = b"%d-" % run if run else b""

    def opening(self) -> bytes:
        """The opening event, unless the reader is past it."""
        if self._seen is not None:
            return b""
        return b"".join(b"id: %b0\ndata: %b\n\n" % (self._run, chunk) for chunk in self._chunks.opening())

    def of(self, pieces: Sequence[str], offset: int) -> bytes:
        """Of tokens' pieces; an empty piece makes no event."""
        return b"".join([self._token(piece, at) for at, piece in enumerate(pieces, offset) if piece])

    def closing(self, end: End, offset: int) -> bytes:
        """After the last token: what the reader has not seen of it."""
        return b"".join(self._all_closing(end, offset)[self._skipped(offset) :])

    def _all_closing(self, end: End, offset: int) -> list[bytes]:
        chunks = self._chunks.closing(end)
        shown = [self._inner(offset, at, chunk) for at, chunk in enumerate(chunks, 1)]
        if _is_done(end):
            shown.append(b"id: %b%d.%d\n%b" % (self._run, offset, len(shown) + 1, DONE))
        return shown

    def _token(self, piece: str, offset: int) -> bytes:
        *inner, last = self._chunks.of(piece)
        shown = [self._inner(offset, at, chunk) for at, chunk in enumerate(inner, 1)]
        shown.append(b"id: %b%d\ndata: %b\n\n" % (self._run, offset + 1, last))
        return b"".join(shown[self._skipped(offset) :])

    def _inner(self, offset: int, at: int, chunk: bytes) -> bytes:
        return b"id: %b%d.%d\ndata: %b\n\n" % (self._run, offset, at, chunk)

    def _skipped(self, offset: int) -> int:
        """How many events beyond `offset` tokens the reader has seen."""
        return self._seen.events if self._seen is not None and self._seen.tokens == offset else 0


class PageEvents(NumberedEvents):
    """The same for a browser's EventSource: it is told how soon to come back, and by an event `end` not to."""

    def opening(self) -> bytes:
        """The pause before it connects again, however far the reader is."""
        return RETRY + super().opening()

    def _all_closing(self, end: End, offset: int) -> list[bytes]:
        shown = super()._all_closing(end, offset)
        told = _encode(StreamEnd(state=State(end.state)))
        return [*shown, b"id: %b%d.%d\nevent: end\ndata: %b\n\n" % (self._run, offset, len(shown) + 1, told)]


def _joined(chunks: list[bytes]) -> bytes:
    return b"".join([b"data: %b\n\n" % chunk for chunk in chunks])


def _is_done(end: End) -> bool:
    return end.failure is None and end.state == "completed"
