"""From frames to the listeners on this process: the one loop that every token passes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingress.streams.progress import Verdict
from penstock.answers.outcome import BROKEN, UNREADABLE
from penstock.errors import BrokerDataError
from penstock.frames import decode_frame
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from ingress.streams.listener import Listener

log = logs.get()

# Looking a member up in its enum takes longer than passing a token on.
_HOLE = Verdict.HOLE


class Relay:
    """Hands each delta of a frame to those who wait for its job."""

    def __init__(self) -> None:
        #: By job: the first of its listeners, which leads to the others.
        self._listeners: dict[str, Listener] = {}
        #: Those who missed something; whoever asks for it empties the set and clears the event.
        self.holes: set[Listener] = set()
        self.has_holes = asyncio.Event()

    def add(self, listener: Listener) -> None:
        """Begin to serve a listener."""
        listener.next = self._listeners.get(listener.job_id)
        self._listeners[listener.job_id] = listener
        metrics.OPEN_STREAMS.inc()

    def remove(self, listener: Listener) -> None:
        """Forget a listener."""
        self.holes.discard(listener)
        others = [one for one in _chain(self._listeners.pop(listener.job_id)) if one is not listener]
        metrics.OPEN_STREAMS.dec(1 + len(others))
        for other in others:
            self.add(other)

    def has(self, job_id: str) -> bool:
        """Whether anybody here waits for a job."""
        return job_id in self._listeners

    def __iter__(self) -> Iterator[Listener]:
        """All listeners that still wait."""
        for first in self._listeners.values():
            for listener in _chain(first):
                if not listener.over.done():
                    yield listener

    def on_frame(self, raw: bytes) -> None:
        """Take one message of our channel."""
        try:
            frame = decode_frame(raw)
        except ValueError as error:
            log.warning(events.FRAME_UNREADABLE, reason=str(error))
            return
        find = self._listeners.get
        one = frame.singles
        for job, fence, offset, token, piece in zip(one.jobs, one.fences, one.offsets, one.tokens, one.pieces):  # noqa: B905 - decoded as they are; a check per frame is paid for
            listener = find(job)
            while listener is not None:
                try:
                    if listener.feed_one(fence, offset, token, piece) is _HOLE:
                        self._note_hole(listener)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this listener's alone
                    self.fail(listener, error)
                listener = listener.next
        for delta in frame.deltas:
            for listener in _chain(find(delta.job)):
                try:
                    if listener.feed(delta) is _HOLE:
                        self._note_hole(listener)
                except Exception as error:  # noqa: BLE001 - as above
                    self.fail(listener, error)

    def fail(self, listener: Listener, error: Exception) -> None:
        """Something went wrong with one listener: its client hears of it, and nobody else."""
        is_ours = not isinstance(error, BrokerDataError)
        log.error(events.LISTENER_FAILED, job=listener.job_id, error=repr(error), exc_info=error if is_ours else None)
        try:
            listener.finish(BROKEN if is_ours else UNREADABLE)
        except Exception:  # noqa: BLE001 - it cannot even be told
            listener.abandon()

    def _note_hole(self, listener: Listener) -> None:
        if listener not in self.holes:
            metrics.STREAM_GAPS.labels(listener.pool).inc()
            self.report_hole(listener)

    def report_hole(self, listener: Listener) -> None:
        """A listener needs to be sent what it missed."""
        self.holes.add(listener)
        self.has_holes.set()


def _chain(listener: Listener | None) -> Iterator[Listener]:
    while listener is not None:
        yield listener
        listener = listener.next
