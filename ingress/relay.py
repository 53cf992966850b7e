"""From frames to the listeners on this process: the one loop that every token passes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingress.progress import Verdict
from penstock.frames import decode_frame
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from ingress.listener import Listener

log = logs.get()


class Relay:
    """Hands each delta of a frame to those who wait for its job."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        #: Those who missed something; whoever asks for it empties the set and clears the event.
        self.holes: set[Listener] = set()
        self.has_holes = asyncio.Event()

    def add(self, listener: Listener) -> None:
        """Begin to serve a listener."""
        self._listeners.setdefault(listener.job_id, []).append(listener)
        metrics.OPEN_STREAMS.inc()

    def remove(self, listener: Listener) -> None:
        """Forget a listener."""
        self.holes.discard(listener)
        others = self._listeners[listener.job_id]
        others.remove(listener)
        if not others:
            del self._listeners[listener.job_id]
        metrics.OPEN_STREAMS.dec()

    def __iter__(self) -> Iterator[Listener]:
        """All listeners that still wait."""
        for listeners in self._listeners.values():
            for listener in listeners:
                if not listener.over.done():
                    yield listener

    def on_frame(self, raw: bytes) -> None:
        """Take one message of our channel."""
        try:
            frame = decode_frame(raw)
        except ValueError as error:
            log.warning(events.FRAME_UNREADABLE, reason=str(error))
            return
        for delta in frame.deltas:
            for listener in self._listeners.get(delta.job, ()):
                if listener.feed(delta) is Verdict.HOLE and listener not in self.holes:
                    metrics.STREAM_GAPS.labels(listener.pool).inc()
                    self.report_hole(listener)

    def report_hole(self, listener: Listener) -> None:
        """A listener needs to be sent what it missed."""
        self.holes.add(listener)
        self.has_holes.set()
