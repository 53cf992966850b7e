"""One HTTP connection: uvicorn's httptools protocol with limits of its own and a short way to the socket for tokens.

An ASGI `send` per token would cost as much as the token's system call, so an open stream frames its chunks as uvicorn
does and writes them itself; head and end of each response go through ASGI. While nothing waits in the transport, chunks
go straight to the socket, which costs a tenth less.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from penstock.errors import ApiError, HeadersTooLargeError, InvalidRequestError, RequestTimeoutError

if TYPE_CHECKING:
    from starlette.types import Scope

    from penstock.settings import IngressSettings

#: The socket's `send`, which may take less than all or raise OSError, and `Connection.write` for what it did not take.
Wire = tuple[Callable[[bytes], int], Callable[[bytes], None]]

_EXTENSION = "penstock.connection"
#: A reader that takes nothing for this long is gone for all we know.
_STALL_S = 30.0
#: A client that goes on sending a body which was refused is cut off after this many times the limit.
_PATIENCE_BODIES = 4


class _Held:
    """Stands in for a transport."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data


class Connection(HttpToolsProtocol):
    """A client's connection; `limits` are set on a subclass, since uvicorn makes the instances."""

    limits: IngressSettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url = b""
        #: Called once the client is gone; when the socket does not take all; when the transport has room again.
        self.on_lost: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self.was_cut = False
        self._has_begun = False
        self._has_served = False
        self._is_in_head = True
        #: Bytes received of a head that is not complete, and those of its fields so far.
        self._raw_head_bytes = 0
        self._field_bytes = 0
        self._refused_bytes = 0
        self._held_head = b""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    @classmethod
    def limited(cls, limits: IngressSettings) -> type[Connection]:
        """The class for a server with these limits."""
        return type(cls.__name__, (cls,), {"limits": limits})

    @classmethod
    def of(cls, scope: Scope) -> Connection:
        """The connection that a request came by."""
        connection: Connection = scope["extensions"][_EXTENSION]
        return connection

    @property
    def is_full(self) -> bool:
        """Whether the client has much to take yet of what was written."""
        return self.flow.write_paused

    @property
    def has_whole_request(self) -> bool:
        """Whether the request's body has arrived: no need to time it."""
        return self._is_in_head

    @property
    def wire(self) -> Wire | None:
        """The way past the transport, while that is empty."""
        return None if self.transport.get_write_buffer_size() else (self._socket.send, self.write)

    def write(self, data: bytes) -> None:
        """Part of the open response, at once as far as the socket takes it."""
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
        self.write(b"%b%x\r\n%b\r\n" % (head, len(body), body))

    @contextmanager
    def holding_head(self) -> Iterator[None]:
        """Hold back what uvicorn writes meanwhile, a response's head, for the first chunk: a system call less."""
        held = _Held()
        self.cycle.transport = held  # type: ignore[assignment]
        try:
            yield
        finally:
            self.cycle.transport = self.transport
            self._held_head = bytes(held.written)

    def release_head(self) -> None:
        """Write a head that is still held."""
        if self._held_head:
            head, self._held_head = self._held_head, b""
            self.write(head)

    def resume_reading(self) -> None:
        """Hear of the client again: a large body leaves reading paused, and with it the news of a disconnect."""
        self.flow.resume_reading()

    def cut_slow_reader(self) -> None:
        """Give up on a client that does not read; what was not sent is dropped."""
        self.was_cut = True
        self.transport.abort()

    @contextmanager
    def watched(self, on_lost: Callable[[], None]) -> Iterator[None]:
        """While a response is under way, `on_lost` is called as soon as the client is gone."""
        self.on_lost = on_lost
        if self.transport.is_closing():
            on_lost()
        try:
            yield
        finally:
            # The connection may serve another request.
            self.on_lost = self.on_full = self.on_writable = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a request's head in time."""
        super().connection_made(transport)  # type: ignore[arg-type]
        own: socket.socket = transport.get_extra_info("socket")
        self._socket = socket.socket(own.family, own.type, own.proto, own.fileno())
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever writes or waits."""
        self._stop_timers()
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()
        # The descriptor is the transport's to close, and then another connection's.
        self._socket.detach()
        # They lead back here: without the loop all this is freed at once, and not by a collector that stops the tokens.
        del self.scope, self.cycle

    def data_received(self, data: bytes) -> None:
        """Bound a head that never ends: the parser shows a header only when it is complete."""
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head and self.parser is not None:
            self._raw_head_bytes += len(data)
            if self._raw_head_bytes > self.limits.max_header_bytes:
                self._refuse(self._too_large())

    def pause_writing(self) -> None:
        """The transport is full."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(_STALL_S, self.cut_slow_reader)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        if self.on_writable is not None:
            self.on_writable()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Offer ourselves to the handlers."""
        super().on_message_begin()
        scope: Scope = self.scope  # type: ignore[assignment]
        scope["extensions"] = {_EXTENSION: self}
        self._has_begun = True
        self._field_bytes = 0
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the head as a whole."""
        self._field_bytes += len(name) + len(value)
        if self._is_head_too_large:
            raise self._too_large()  # the parser makes it a call of send_400_response
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head came in time."""
        self._is_in_head = False
        self._raw_head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()
        self._has_served = True

    def on_message_complete(self) -> None:
        """Whatever comes next is another head."""
        self._is_in_head = True
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Let a client finish sending a body that was refused, so that it gets to read why; within reason."""
        if self.cycle.response_complete:
            self._refused_bytes += len(body)
            if self._refused_bytes > _PATIENCE_BODIES * self.limits.max_body_bytes:
                self.transport.abort()
        super().on_body(body)

    # What uvicorn calls.

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the same form of error as everything else."""
        self._refuse(self._too_large() if self._is_head_too_large else InvalidRequestError(msg))

    @property
    def _is_head_too_large(self) -> bool:
        return self._field_bytes + len(self.url) > self.limits.max_header_bytes

    def _too_large(self) -> HeadersTooLargeError:
        return HeadersTooLargeError(f"The request's headers are larger than {self.limits.max_header_bytes} bytes.")

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.header_timeout_s, self._head_timed_out)

    def _head_timed_out(self) -> None:
        self._head_timer = None
        if not self._has_begun:
            # Not one byte came: nobody asked anything.
            self.transport.close()
        else:
            self._refuse(RequestTimeoutError("The request's headers did not arrive in time."))

    def _refuse(self, error: ApiError) -> None:
        """Answer what never became a request, and close."""
        self._stop_timers()
        if self.transport.is_closing():
            return
        if self._has_served and not self.cycle.response_complete:
            self.transport.close()
            return
        body = msgspec.json.encode(error.body)
        status = HTTPStatus(error.status)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._stall_timer = None
