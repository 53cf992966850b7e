"""What a worker process tells its host through a pipe, so that the host knows what ended with it."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import msgspec
from msgspec import Struct

from workers.history import Cause, Ended

_READ_BYTES = 1 << 16
#: Less than a pipe takes at once.
_WHY_CHARACTERS = 500


class Registered(Struct, frozen=True, tag=True):
    """It has begun an epoch."""

    instance: str


class Ready(Struct, frozen=True, tag=True):
    """It serves."""


class Failed(Struct, frozen=True, tag=True):
    """It is about to end for a reason of its own."""

    cause: Cause
    why: str


Report = Registered | Ready | Failed
_decoder = msgspec.json.Decoder(Report)


class Reporter:
    """The worker's end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        #: Whether the end that is near has been told.
        self.has_failed = False
        os.set_blocking(descriptor, False)

    def registered(self, instance: str) -> None:
        """An epoch began."""
        self._tell(Registered(instance))

    def ready(self) -> None:
        """Jobs may come."""
        self._tell(Ready())

    def failed(self, cause: Cause, why: str) -> None:
        """The process is about to end."""
        self.has_failed = True
        self._tell(Failed(cause, why[:_WHY_CHARACTERS]))

    def _tell(self, report: Report) -> None:
        # A host that does not listen is no reason to stop working.
        with suppress(OSError):
            os.write(self._descriptor, msgspec.json.encode(report) + b"\n")


class ProcessReport:
    """The host's end of the pipe: one process's life as it told it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = b""
        self._ready_at_s: float | None = None
        self._failed: Failed | None = None
        #: The last instance it registered.
        self.instance = ""
        os.set_blocking(descriptor, False)

    def read(self) -> None:
        """Take in what has been told."""
        with suppress(BlockingIOError):
            while data := os.read(self._descriptor, _READ_BYTES):
                self._unread += data
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            self._heed(_decoder.decode(line))

    def end(self, status: int) -> Ended:
        """How it ended, given the exit status that Python reports: negative for a signal."""
        self.read()
        os.close(self._descriptor)
        served_s = 0.0 if self._ready_at_s is None else time.monotonic() - self._ready_at_s
        if self._failed is not None:
            return Ended(cause=self._failed.cause, why=self._failed.why, served_s=served_s)
        if status == 0:
            return Ended(cause=None, why="", served_s=served_s)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return Ended(cause=Cause.CRASH, why=f"The worker process {how}.", served_s=served_s)

    def _heed(self, report: Report) -> None:
        match report:
            case Registered(instance):
                self.instance = instance
            case Ready():
                self._ready_at_s = time.monotonic()
            case Failed():
                self._failed = report
