"""What a frame gives to many clients, written in one go."""

from __future__ import annotations

from collections.abc import Callable


class Outbox:
    """Chunks for sockets, held back until the whole frame is read.

    System calls in a row cost less than the same calls with Python in between: caches and branch predictors stay warm,
    and a client on the same machine is not woken for each of its tokens.
    """

    __slots__ = ("_ready", "put")

    def __init__(self) -> None:
        self._ready: list[tuple[Callable[[bytes], None], bytes]] = []
        #: Takes a transport's `write` and a chunk for it.
        self.put = self._ready.append

    def flush(self) -> None:
        """Write everything; a socket that is full tells its stream, which may call this again."""
        ready = self._ready.copy()
        self._ready.clear()
        for write, chunk in ready:
            write(chunk)
