"""One HTTP connection: what is written to a client, with a short way to the socket for tokens.

An ASGI `send` per token would cost as much as the token's system call, so an open stream frames its chunks as uvicorn
does and writes them itself; head and end of each response go through ASGI. While nothing waits in the transport, chunks
go straight to the socket, which costs a tenth less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ingress.http_reader import HttpReader
from ingress.until_close import UntilClose

if TYPE_CHECKING:
    from starlette.types import Scope

    from penstock.settings import IngressSettings

#: The socket's `send`, which may take less than all or raise OSError, and `Connection.write` for what it did not take.
Wire = tuple[Callable[[bytes], int], Callable[[bytes], None]]

#: A reader that takes nothing for this long is gone for all we know.
_STALL_S = 30.0


class _Held:
    """Stands in for a transport."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data


class Connection(HttpReader):
    """A client's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Called once the client is gone; when the socket does not take all; when the transport has room again; and to
        #: write something that does no harm, where it is not sure that the client is still there.
        self.on_lost: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self.on_probe: Callable[[], None] | None = None
        self.was_cut = False
        self._held_head = b""
        self._stall_timer: asyncio.TimerHandle | None = None

    @classmethod
    def limited(cls, limits: IngressSettings) -> type[Connection]:
        """The class for a server with these limits."""
        return type(cls.__name__, (cls,), {"limits": limits})

    @classmethod
    def of(cls, scope: Scope) -> Connection:
        """The connection that a request came by."""
        connection: Connection = scope["extensions"][cls.EXTENSION]
        return connection

    @property
    def is_full(self) -> bool:
        """Whether the client has much to take yet of what was written."""
        return self.flow.write_paused

    @property
    def wire(self) -> Wire | None:
        """The way past the transport, while that is empty; for chunks alone."""
        if self.transport.get_write_buffer_size() or not self._is_chunked:
            return None
        return self._socket.send, self.write

    def write(self, data: bytes) -> None:
        """Part of the open response, at once as far as the socket takes it; nothing where the client is gone."""
        if self.transport.is_closing():
            return
        if not self.transport.get_write_buffer_size():
            # A socket that is full or broken: the transport will find out which, and knows what to do.
            with suppress(OSError):
                data = data[self._socket.send(data) :]
            if not data:
                return
        self.transport.write(data)
        if self.on_full is not None:
            self.on_full()

    def write_chunk(self, body: bytes) -> None:
        """One chunk of the open response; never empty, which would end it."""
        head, self._held_head = self._held_head, b""
        self.write(b"%b%x\r\n%b\r\n" % (head, len(body), body) if self._is_chunked else head + body)

    @contextmanager
    def holding_head(self) -> Iterator[None]:
        """Hold back what uvicorn writes meanwhile, a response's head, for the first chunk: a system call less."""
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

    def probe(self) -> bool:
        """Before the head an interim response; in the middle of a stream, what the stream has for it."""
        if self.front is not None and self.front.response_started and self.on_probe is not None:
            self.on_probe()
            return True
        return super().probe()

    async def cut(self) -> None:
        """End it in the middle of a response; returns when that is known to all who write."""
        self.transport.abort()
        # The transport tells it in the loop's next turn.
        await asyncio.sleep(0)

    def cut_slow_reader(self) -> None:
        """Give up on a client that does not read; what was not sent is dropped."""
        self.was_cut = True
        self.transport.abort()

    @contextmanager
    def watched(self, on_lost: Callable[[], None]) -> Iterator[None]:
        """While a response is under way, `on_lost` is called as soon as the client is gone."""
        self.on_lost = on_lost
        if self.transport.is_closing():
            # The client's end was read, and uvicorn is told in the loop's next turn: until then it expects an answer.
            if self.front is not None:
                self.front.disconnected = True
            on_lost()
        try:
            yield
        finally:
            # The connection may serve another request.
            self.on_lost = self.on_full = self.on_writable = self.on_probe = None

    # What asyncio and the parser call.

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever writes or waits."""
        self._stop_stalling()
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def pause_writing(self) -> None:
        """The transport is full."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(_STALL_S, self.cut_slow_reader)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._stop_stalling()
        if self.on_writable is not None:
            self.on_writable()

    def on_headers_complete(self) -> None:
        """Choose how the answer is framed."""
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            self.cycle.send = UntilClose(self.cycle, self.write)  # type: ignore[method-assign, assignment]

    @property
    def _is_chunked(self) -> bool:
        return self.front is not None and bool(self.front.chunked_encoding)

    def _stop_stalling(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
