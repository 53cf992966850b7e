"""A listener that writes what it hears to its client, as server-sent events. Every token passes here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.events import PING
from ingress.listener import Listener, Wish

if TYPE_CHECKING:
    from ingress.connection import Connection
    from ingress.events import Events
    from ingress.watch import Watch

#: A delta of more tokens is a replay: a reader is not slow because it has yet to read it.
_REPLAY_TOKENS = 64
#: Tokens rendered at a time while catching up.
_SLICE_TOKENS = 64
#: What an event costs besides its text, for the count of unsent bytes.
_EVENT_BYTES = 200


class Stream(Listener):
    """Keeps at most `buffer_bytes` for a reader that is slower than the job; beyond that the connection is cut."""

    def __init__(self, job_id: str, watch: Watch, *, buffer_bytes: int, base: int = 0) -> None:
        super().__init__(job_id, Wish.EVERY_STEP, watch, base=base)
        self._buffer_bytes = buffer_bytes
        self._connection: Connection | None = None
        self._events: Events
        #: Pieces of the progress that are written.
        self._written = 0
        #: Bytes of live tokens that came while the socket was full.
        self._unsent_bytes = 0

    def open(self, connection: Connection, events: Events) -> None:
        """Begin to write, once the response's head is sent."""
        self._connection, self._events = connection, events
        connection.on_writable = self._write
        opening = events.opening()
        if opening:
            connection.write_chunk(opening)
        self._write()

    def ping(self) -> None:
        """Show an idle reader, and all that is between, that the connection lives."""
        if self._connection is not None and not self._connection.is_full:
            self._connection.write_chunk(PING)

    def _advanced(self, tokens: int) -> None:
        connection = self._connection
        if connection is None:
            self._begin()
        elif not connection.is_full:
            self._write()
        elif tokens <= _REPLAY_TOKENS:
            self._unsent_bytes += tokens * _EVENT_BYTES + sum(map(len, self.progress.pieces[-tokens:]))
            if self._unsent_bytes > self._buffer_bytes:
                connection.cut_slow_reader()

    def _restarted(self) -> None:
        self._written = 0

    def _ended(self) -> None:
        connection = self._connection
        if connection is not None and not connection.is_full:
            self._write()

    def _write(self) -> None:
        """Write all there is, or as much as the socket takes."""
        connection, progress = self._connection, self.progress
        if connection is None or self.over.done():
            return
        pieces, at = progress.pieces, self._written
        while at < len(pieces) and not connection.is_full:
            upto = min(at + _SLICE_TOKENS, len(pieces))
            events = self._events.of(pieces[at:upto], progress.base + at)
            if events:
                connection.write_chunk(events)
            at = upto
        self._written = at
        if at == len(pieces):
            self._unsent_bytes = 0
            if self.end is not None:
                connection.write_chunk(self._events.closing(self.end, progress.offset))
                self._conclude()
