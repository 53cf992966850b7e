"""Taking connections as fast as they come.

uvloop's own server takes one in each turn of its loop. A turn that brings a step's tokens to all streams is
milliseconds long, so that clients who come back at once, as those of an ingress that died do, would wait for each
other.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

#: In one turn: few enough that open streams are not held up, and that processes which share the socket get some too.
_MOST_AT_ONCE = 16
#: Before the next try where the process has no more files, or the machine no memory.
_PAUSE_S = 0.1


class Acceptor:
    """Hands each connection of a listening socket to a protocol of its own, until closed."""

    def __init__(self, listener: socket.socket, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._pausing: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[object]] = set()
        listener.settimeout(0)
        self._begin()

    @property
    def is_opening(self) -> bool:
        """Whether a connection was taken that has no protocol yet."""
        return bool(self._opening)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._listener)
        if self._pausing is not None:
            self._pausing.cancel()

    def _begin(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                self._loop.remove_reader(self._listener)
                self._pausing = self._loop.call_later(_PAUSE_S, self._begin)
                return
            task = self._loop.create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        # A client that has gone already is no error.
        with suppress(OSError):
            connection.settimeout(0)
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
