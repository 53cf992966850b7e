"""What a frame gives to many clients, written in one go, each client's share straight to its socket."""

from __future__ import annotations

import os
from collections.abc import Callable

#: A connection's way out: its socket's file descriptor, and `Connection.write` for what the socket does not take.
Wire = tuple[int, Callable[[bytes], None]]


class Outbox:
    """Chunks for sockets, held back until the whole frame is read.

    System calls in a row cost less than the same calls with Python in between: caches and branch predictors stay warm,
    and a client on the same machine is not woken for each of its tokens. A transport would queue each chunk until the
    loop's turn is over, which costs a fifth of the system call itself.
    """

    __slots__ = ("_ready", "put")

    def __init__(self) -> None:
        self._ready: list[tuple[Wire, bytes]] = []
        #: Takes the wire of a connection whose transport is empty, and a chunk for it.
        self.put = self._ready.append

    def flush(self) -> None:
        """Write everything; a socket that is full tells its stream, which may call this again."""
        ready = iter(self._ready.copy())
        self._ready.clear()
        send = os.write
        for (socket, write), chunk in ready:
            try:
                sent = send(socket, chunk)
            except OSError:
                # Full or broken: the transport will find out which, and knows what to do.
                sent = 0
            if sent < len(chunk):
                write(chunk[sent:])
                # From here on with care: this client's next chunk must not overtake what its transport has now.
                for (_, write_in_order), later in ready:
                    write_in_order(later)
