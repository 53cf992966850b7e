"""Where log lines go: a descriptor that may fill up, go away or never be read, while its process serves on."""

from __future__ import annotations

import io
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: A burst that is longer than a pipe gets through if its reader is at work; a reader that sleeps costs this much once.
LONGEST_WAIT_S = 0.05
#: Of all time, how much may be spent on a reader that is always slower.
_WAITING_SHARE = 0.05

_NEWLINE = ord("\n")
Send = Callable[[bytes], int]


class Patience:
    """How long a writer may still wait for a reader: an allowance that is used up at once and comes back slowly."""

    def __init__(self, now_s: float) -> None:
        self._left_s = LONGEST_WAIT_S
        self._at_s = now_s

    def left_s(self, now_s: float) -> float:
        """What may be waited now."""
        return min(self._left_s + (now_s - self._at_s) * _WAITING_SHARE, LONGEST_WAIT_S)

    def spend(self, began_s: float, now_s: float) -> None:
        """There was a wait."""
        self._left_s = self.left_s(began_s) - (now_s - began_s)
        self._at_s = now_s


class Output(io.RawIOBase):
    """Takes lines for a descriptor without ever failing: one that cannot be written now is lost, and counted.

    It does not wait for a reader either, but for what Patience allows: an event loop that did would stand still.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._let_go = ExitStack()
        self._send = _sender(descriptor, self._let_go)
        self._patience = Patience(time.monotonic())
        #: The last wait was in vain: until something can be written again, nobody waits.
        self._is_stalled = False
        #: Half a line was written; the next one must not be taken for its end.
        self._is_torn = False

    def close(self) -> None:
        """Write no more; the descriptor stays open."""
        self._let_go.close()
        super().close()

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def fileno(self) -> int:
        """The descriptor that children inherit."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person reads."""
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what can be written; all of it counts as taken."""
        lines = bytes(data)
        before = b"\n" if self._is_torn else b""
        text = before + lines
        sent = self._send_all(text)
        if sent:
            self._is_torn = sent < len(text) and text[sent - 1] != _NEWLINE
        if sent < len(text):
            _count(max(text.count(b"\n", max(sent, len(before))), 1))
        return len(lines)

    def _send_all(self, text: bytes) -> int:
        """Returns how many bytes went out."""
        sent = 0
        while sent < len(text):
            try:
                sent += self._send(text[sent:])
                self._is_stalled = False
            except BlockingIOError:
                if not self._has_room():
                    break
            except OSError:
                break
        return sent

    def _has_room(self) -> bool:
        """Wait for a reader as long as that is allowed; whether it came."""
        now_s = time.monotonic()
        if self._is_stalled or (wait_s := self._patience.left_s(now_s)) <= 0:
            return False
        self._is_stalled = not _is_ready(self._descriptor, wait_s)
        self._patience.spend(now_s, time.monotonic())
        return not self._is_stalled


def _sender(descriptor: int, let_go: ExitStack) -> Send:
    """How to write there without waiting, though other programs, whom that would surprise, may write there too."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        stream = socket.socket(fileno=descriptor)
        let_go.callback(stream.detach)
        return partial(_send_message, stream)
    if not stat.S_ISFIFO(mode) and not os.isatty(descriptor):
        return partial(os.write, descriptor)
    # A terminal must not become the one that controls this process.
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:
        # Another user's, or its reader is gone.
        return partial(write_if_ready, descriptor)
    # In the place of the old one: children get it, and no number beyond the standard ones is taken.
    os.dup2(own, descriptor)
    os.close(own)
    return partial(os.write, descriptor)


def _send_message(stream: socket.socket, data: bytes) -> int:
    return stream.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def write_if_ready(descriptor: int, data: bytes) -> int:
    """Write to a pipe that has room, no more than fits then; raises BlockingIOError where there is none."""
    if not _is_ready(descriptor, 0.0):
        raise BlockingIOError
    return os.write(descriptor, data[: select.PIPE_BUF])


def _is_ready(descriptor: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(within_s * 1000))


def _count(lines: int) -> None:
    # The first import settles whether processes share their figures: too early at the start of a program.
    from penstock.telemetry import metrics

    metrics.LOG_LINES_LOST.inc(lines)
