"""A listener that writes what it hears to its client, as server-sent events. Every token passes here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ingress.streams.listener import DeliveryMode, Listener
from ingress.streams.progress import Verdict
from penstock.answers.events import PING

if TYPE_CHECKING:
    from ingress.http.connection import Connection
    from ingress.streams.watch import JobWatch
    from penstock.answers.events import Events
    from penstock.frames import Delta

    _ShortWay = tuple[Callable[[bytes], int], Callable[[bytes], None], int, bytes, bytes]

#: A delta of more tokens is a replay: a reader is not slow because it has yet to read it.
_REPLAY_TOKENS = 64
#: Tokens rendered at a time while catching up.
_SLICE_TOKENS = 64
#: Slices in one turn of the event loop: a long answer does not hold up the others.
_TURN_SLICES = 8
#: What is written at once while catching up.
_WRITE_BYTES = 16 << 10
#: What an event costs besides its text, for the count of unsent bytes.
_EVENT_BYTES = 200

_encode = msgspec.json.encode
# Looking a member up in its enum takes longer than all the rest.
_NEWS = Verdict.NEWS


class Stream(Listener):
    """Keeps at most `buffer_bytes` for a reader that is slower than the job; beyond that the connection is cut."""

    __slots__ = (
        "_around",
        "_buffer_bytes",
        "_connection",
        "_events",
        "_goes_on",
        "_line",
        "_quiet_since_s",
        "_short",
        "_shown",
        "_unsent_bytes",
        "_written",
        "last_words",
    )

    def __init__(self, job_id: str, watch: JobWatch, *, buffer_bytes: int, base: int = 0) -> None:
        super().__init__(job_id, DeliveryMode.EVERY_STEP, watch, base=base)
        self._buffer_bytes = buffer_bytes
        self._connection: Connection | None = None
        #: Where pings go, once the response's head is sent.
        self._line: Connection | None = None
        #: The offset at the last sweep that saw it grow, or that sent a ping, and when that was.
        self._shown = base
        self._quiet_since_s = watch.moved_s
        self._events: Events
        #: Where a token is one event: the constant bytes around its text.
        self._around: tuple[bytes, bytes] | None = None
        #: The short way of a token, while everything so far is written and the socket takes more: the connection's
        #: wire, how many bytes there are around a text, and those before and after it.
        self._short: _ShortWay | None = None
        #: Whether the next turn of the event loop goes on with catching up.
        self._goes_on = False
        #: Pieces that are written; all of them while `_short` is set.
        self._written = 0
        #: What is left to write when it is over: it goes out together with the response's end.
        self.last_words = b""
        #: Bytes of live tokens that came while the socket was full.
        self._unsent_bytes = 0

    def feed(self, delta: Delta) -> Verdict:
        """Take what is new of a delta, and write it."""
        # Before the pieces grow, for they tell what is written.
        self._pause()
        return super().feed(delta)

    def feed_one(self, fence: int, offset: int, token: int, piece: str) -> Verdict:
        """Take one token; one that goes on where we are, the usual case, takes the short way to the client."""
        short = self._short
        if short is None or offset != self.offset or fence != self.fence:
            return super().feed_one(fence, offset, token, piece)
        self.offset = offset + 1
        self.tokens.append(token)
        self.pieces.append(piece)
        if piece:
            send, write, around, head, tail = short
            text = _encode(piece)
            chunk = b"%x\r\n%b%b%b\r\n" % (around + len(text), head, text, tail)
            try:
                sent = send(chunk)
            except OSError:
                sent = 0
            if sent < len(chunk):
                write(chunk[sent:])
        return _NEWS

    def open(self, connection: Connection, events: Events) -> None:
        """Begin to write, once the response's head is sent."""
        self._connection = self._line = connection
        self._events = events
        connection.writer.on_full, connection.on_writable = self._pause, self._catch_up
        connection.on_probe = self.probe
        self._around = events.around
        self._catch_up(events.opening())
        connection.writer.release_head()

    def probe(self) -> None:
        """Write something, for whoever wants to know whether the client is still there."""
        if self._line is not None:
            self._ping(self._line)

    def abandon(self) -> None:
        """The client is gone."""
        self._short = None
        super().abandon()

    @property
    def is_waiting(self) -> bool:
        """Whether there is nothing to say yet."""
        return self.offset == self.base and self.end is None and not self.is_abandoned

    def show_waiting(self, connection: Connection) -> None:
        """The head is sent although nothing has begun: until then there are pings, the first at once."""
        self.began = self.over.get_loop().create_future()
        self._line = connection
        connection.on_probe = self.probe
        self._ping(connection)

    def keep_alive(self, now_s: float, head_after_s: float, ping_s: float) -> None:
        """Ask for the head where nothing has begun for so long; later, ping where nothing has come for so long."""
        if self.offset != self._shown:
            self._shown, self._quiet_since_s = self.offset, now_s
        elif self._line is None:
            if now_s - self._quiet_since_s >= head_after_s:
                self._begin()
        elif now_s - self._quiet_since_s >= ping_s:
            self._quiet_since_s = now_s
            self._ping(self._line)

    @staticmethod
    def _ping(connection: Connection) -> None:
        if not connection.is_full:
            connection.writer.write_chunk(PING)

    def _advanced(self, tokens: int) -> None:
        connection = self._connection
        if connection is None:
            self._begin()
        elif not connection.is_full:
            self._catch_up()
        elif tokens <= _REPLAY_TOKENS:
            self._unsent_bytes += tokens * _EVENT_BYTES + sum(map(len, self.pieces[-tokens:]))
            if self._unsent_bytes > self._buffer_bytes:
                connection.cut_slow_reader()

    def _restarted(self) -> None:
        self._written = 0

    def _ended(self) -> None:
        self._catch_up()

    def _pause(self) -> None:
        if self._short is not None:
            self._short = None
            self._written = len(self.pieces)

    def _catch_up(self, ready: bytes = b"") -> None:
        """Write all there is after `ready`, or as much as the socket takes, in few calls: each is a system call."""
        connection = self._connection
        if connection is None or self._goes_on or self.over.done():
            return
        self._pause()
        at, total = self._written, len(self.pieces)
        turn = min(total, at + _TURN_SLICES * _SLICE_TOKENS)
        while at < turn and not connection.is_full:
            upto = min(at + _SLICE_TOKENS, total)
            ready += self._events.of(self.pieces[at:upto], self.base + at)
            at = upto
            if len(ready) > _WRITE_BYTES:
                connection.writer.write_chunk(ready)
                ready = b""
        self._written = at
        if at == total and self.end is not None:
            self.last_words = ready + self._events.closing(self.end, self.offset)
            self._conclude()
            return
        if ready:
            connection.writer.write_chunk(ready)
        if connection.is_full:
            return
        if at < total:
            self._goes_on = True
            self.over.get_loop().call_soon(self._go_on)
        else:
            self._unsent_bytes = 0
            self._shorten(connection)

    def _go_on(self) -> None:
        self._goes_on = False
        self._catch_up()

    def _shorten(self, connection: Connection) -> None:
        wire = connection.writer.wire
        if wire is not None and self._around is not None:
            head, tail = self._around
            self._short = *wire, len(head) + len(tail), head, tail
