"""A client that has closed its sending side may still read, or be gone: both look the same until something is sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

#: After something was sent, the other side's refusal takes as long as a round trip.
_LOOKS_S = (0.02, 0.1, 0.5)
#: A client that still reads may leave later.
_AGAIN_S = 5.0


class HalfClose:
    """After the end of what a client sends, finds out whether it is still there.

    A process that closed its socket refuses what comes with a reset, which our socket then has as its error.
    `probe` sends something that does no harm and returns whether it could; if it never can, the client counts as gone
    after a while.
    """

    def __init__(self, own: socket.socket, *, probe: Callable[[], bool], gone: Callable[[], None]) -> None:
        self._socket = own
        self._probe = probe
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ask()

    def stop(self) -> None:
        """Ask no more: the connection is lost, or its last answer complete."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self) -> None:
        if self._probe():
            self._look(0)
        else:
            self._timer = self._loop.call_later(_AGAIN_S, self._give_up)

    def _look(self, looks: int) -> None:
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._timer = None
            self._gone()
        elif looks < len(_LOOKS_S):
            self._timer = self._loop.call_later(_LOOKS_S[looks], self._look, looks + 1)
        else:
            self._timer = self._loop.call_later(_AGAIN_S, self._ask)

    def _give_up(self) -> None:
        if self._probe():
            self._look(0)
        else:
            self._timer = None
            self._gone()
