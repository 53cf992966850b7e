from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import ExitStack
from typing import cast

import pytest
import uvloop

from ingress.http.acceptor import Acceptor

WAITING = 40


class Peer(asyncio.Protocol):
    """Counts those that are there."""

    made: list[Peer]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(self)
        self.transport = cast("asyncio.Transport", transport)


class Spent(socket.socket):
    """A listener of a process that has no more files, once."""

    failures = 1

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


async def accepted(listener: socket.socket) -> int:
    """Take all who wait; returns how many turns of the loop it took."""
    Peer.made = []
    acceptor, turns = Acceptor(listener, Peer), 0
    while len(Peer.made) < WAITING:
        turns += 1
        await asyncio.sleep(0)
    acceptor.close()
    for peer in Peer.made:
        peer.transport.close()
    await asyncio.sleep(0)
    return turns


@pytest.mark.parametrize("kind", [socket.socket, Spent])
def test_all_who_wait_are_taken_in_a_few_turns_of_the_loop(kind: type[socket.socket]) -> None:
    with ExitStack() as stack, kind() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(WAITING)
        for _ in range(WAITING):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        turns = uvloop.run(accepted(listener))

    assert kind is Spent or turns < WAITING / 2
