"""Writes an open response to its client, with a short way to the socket for tokens.

An ASGI `send` per token would cost as much as the token's system call, so an open stream frames its chunks as uvicorn
does and writes them itself; head and end of each response go through ASGI. While nothing waits in the transport, chunks
go straight to the socket, which costs a tenth less.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

#: The socket's `send`, which may take less than all or raise OSError, and `write` for what it did not take.
Wire = tuple[Callable[[bytes], int], Callable[[bytes], None]]


class _Held:
    """Takes the place of a transport, and keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        """Append it."""
        self.written += data


class ResponseWriter:
    """Writes the responses of one connection."""

    __slots__ = ("_held_head", "_socket", "_transport", "front", "on_full")

    def __init__(self, transport: asyncio.Transport, own: socket.socket) -> None:
        self._transport = transport
        self._socket = own
        self._held_head = b""
        #: The request that is being answered.
        self.front: RequestResponseCycle | None = None
        #: Called when the socket does not take all.
        self.on_full: Callable[[], None] | None = None

    @property
    def wire(self) -> Wire | None:
        """How to write a chunk past the transport; None while that has data to write, or without chunks."""
        if self._transport.get_write_buffer_size() or not self._is_chunked:
            return None
        return self._socket.send, self.write

    def write(self, data: bytes) -> None:
        """Write part of the open response: what the socket does not take at once, the transport writes later.

        Does nothing where the client is gone.
        """
        transport = self._transport
        if transport.is_closing():
            return
        if not transport.get_write_buffer_size():
            # A socket that is full or broken: the transport will find out which, and knows what to do.
            with suppress(OSError):
                data = data[self._socket.send(data) :]
            if not data:
                return
        transport.write(data)
        if self.on_full is not None:
            self.on_full()

    def write_chunk(self, body: bytes) -> None:
        """Write one chunk of the open response; it must not be empty, for an empty chunk ends the response."""
        head, self._held_head = self._held_head, b""
        self.write(b"%b%x\r\n%b\r\n" % (head, len(body), body) if self._is_chunked else head + body)

    @contextmanager
    def holding_head(self) -> Iterator[None]:
        """Keep the head that uvicorn writes in the block, to write it with the first chunk: one system call less."""
        held, front = _Held(), self.front
        if front is None:
            yield
            return
        own, front.transport = front.transport, held  # type: ignore[assignment]
        try:
            yield
        finally:
            front.transport = own
            self._held_head = bytes(held.written)

    def release_head(self) -> None:
        """Write a head that is still held."""
        if self._held_head:
            head, self._held_head = self._held_head, b""
            self.write(head)

    @property
    def _is_chunked(self) -> bool:
        return self.front is not None and bool(self.front.chunked_encoding)
