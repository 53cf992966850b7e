"""Reads HTTP from a connection: uvicorn's httptools protocol with limits, and one form for every refusal."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ingress.http.fault import check_version, error_of, last_answer
from ingress.http.lingering_close import ClosingTransport, LingeringClose
from ingress.http.meter import MAX_CHUNKS, Meter
from ingress.http.upgrade import body_parser
from penstock.errors import (
    ApiError,
    BodyTooLargeError,
    HeadersTooLargeError,
    RequestTimeoutError,
    UnimplementedError,
)

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

    from penstock.settings import IngressSettings

#: A client that goes on sending a body which was refused is cut off after this many times the limit.
_PATIENCE_BODIES = 4
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


class HttpReader(HttpToolsProtocol):
    """Requests of one client; `limits` are set on a subclass, since uvicorn makes the instances."""

    EXTENSION = "penstock.connection"
    limits: IngressSettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url = b""
        #: The request that is being answered; uvicorn's `cycle` is the one that came last.
        self.front: RequestResponseCycle | None = None
        self._meter = Meter(self.limits.max_header_bytes)
        self._has_begun = False
        self._refused_bytes = 0
        self._patience_bytes = _PATIENCE_BODIES * self.limits.max_body_bytes
        #: The error that ends the connection, sent after all earlier requests are answered; later input is ignored.
        self._last_word: ApiError | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_whole_request(self) -> bool:
        """Whether the request's body has arrived: no need to time it."""
        return self._meter.is_in_head

    def resume_reading(self) -> None:
        """Read from the socket again: uvicorn pauses reading for a large body, and then no disconnect is noticed."""
        self.flow.resume_reading()

    def discard_up_to(self, body_bytes: int) -> None:
        """A body of so many bytes is no surprise here: a client that sends more is to get its answer, too."""
        self._patience_bytes = max(self._patience_bytes, _PATIENCE_BODIES * body_bytes)

    def probe(self) -> bool:
        """Send an interim response (102), so that a client that is gone resets; False where none may be sent."""
        front = self.front
        if front is None or front.response_started or front.scope["http_version"] == "1.0":
            return False
        self.transport.write(_PROCESSING)
        return True

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client's socket, and start the timer for the first request's head."""
        super().connection_made(transport)  # type: ignore[arg-type]
        own: socket.socket = transport.get_extra_info("socket")
        self._socket = socket.socket(own.family, own.type, own.proto, own.fileno())
        self._closing = LingeringClose(self.transport, self.flow, self._socket)
        self._cycle_transport: Any = ClosingTransport(self.transport, self._close)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all requests of the connection that the client is gone; uvicorn would tell only the last one."""
        self._stop_timer()
        self._closing.stop()
        for cycle in (self.front, *(queued for queued, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)
        # The transport closes the descriptor, whose number another connection may then get.
        self._socket.detach()
        # These lead back here. Without the cycle all is freed at once, and not in a collection that delays tokens.
        self.front = None
        del self.scope, self.cycle, self._cycle_transport

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to keep the connection open for the answer: a client that has sent whole requests may still read."""
        is_answering = self.front is not None and not self.front.response_complete
        is_between = self._meter.is_in_head and not self._meter.raw
        if self._closing.has_begun or not is_answering or not is_between:
            return False
        self._closing.half_close(self.probe)
        return True

    def data_received(self, data: bytes) -> None:
        """Parse the bytes; refuse a request whose unfinished part, which the parser does not report, is too large."""
        self._unset_keepalive_if_required()
        if self._last_word is not None or self._closing.has_begun:
            return
        meter = self._meter
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self.refuse(error_of(error))
            return
        if meter is self._meter:
            meter.raw += len(data)
            if meter.is_over:
                self.refuse(self._too_large())

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Make this connection available to the request's handler, and time the request's head."""
        super().on_message_begin()
        self.scope["extensions"] = {self.EXTENSION: self}  # type: ignore[dict-item]
        self._has_begun = True
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Count the target's bytes as part of the head."""
        self._meter.head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse too many bytes of head or trailers; ignore trailers, no part of the head (RFC 9110, 6.5.1)."""
        meter = self._meter
        if not meter.field(name, value):
            raise self._too_large()
        if meter.is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the timer of the head, check the HTTP version, and start the request."""
        if self._meter.head > self.limits.max_header_bytes:
            raise self._too_large()
        self._meter.is_in_head = False
        self._stop_timer()
        version = self.parser.get_http_version()
        check_version(version)
        if version == "1.0":
            self.expect_100_continue = False
        if not self.url.startswith(b"/"):
            self._take_absolute_form()
        super().on_headers_complete()
        self.cycle.transport = self._cycle_transport

    def on_chunk_complete(self) -> None:
        """Count the chunk, and refuse a body of too many chunks."""
        if not self._meter.chunk():
            raise BodyTooLargeError(f"The request body comes in more than {MAX_CHUNKS} chunks.")

    def on_body(self, body: bytes) -> None:
        """Read on after a refusal so that the client gets the answer; cut it off where that takes too long."""
        self._meter.content(len(body))
        if self.cycle.response_complete:
            self._refused_bytes += len(body)
            if self._refused_bytes > self._patience_bytes:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count afresh: the next bytes are another request's head."""
        if self.parser.should_upgrade():
            # The parser calls this at an offered upgrade's head; the request's body is still to come.
            return
        self._meter = Meter(self.limits.max_header_bytes)
        super().on_message_complete()

    # What uvicorn calls.

    def on_response_complete(self) -> None:
        """Start the next request's answer; else send the pending error, or close if the client sends no more."""
        if self._closing.has_begun:
            return
        super().on_response_complete()
        if self.transport.is_closing() or self.front is None or not self.front.response_complete:
            return
        if self._last_word is not None:
            self._answer_and_close(self._last_word)
        elif self._closing.is_half:
            self._closing.end()

    def shutdown(self) -> None:
        """Wait no longer for a client that has had its last answer."""
        if self._closing.has_begun:
            self.transport.close()
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.front = cycle
        super()._start_asgi_task(cycle, app)

    # Errors that end the connection.

    def refuse(self, error: ApiError) -> None:
        """Send an error after the answers to all earlier requests, then close the connection."""
        self._stop_timer()
        if self._last_word is not None or self.transport.is_closing():
            return
        self._last_word = error
        broken = None if self._meter.is_in_head else self.cycle
        if self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()
        front = self.front
        if front is not None and front is broken:
            front.disconnected = True
            front.message_event.set()
            if front.response_started:
                # This request has an answer already; the client would take another for the next request's.
                self._close()
                return
        elif front is not None and not front.response_complete:
            return
        self._answer_and_close(error)

    def _answer_and_close(self, error: ApiError) -> None:
        self.transport.write(last_answer(error, self.server_state.default_headers))
        self._close()

    def _close(self) -> None:
        self._stop_timer()
        self._closing.begin()

    def _feed(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(rest)[upgrade.args[0] :]
                self.parser, head = body_parser(self, self.headers)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(head)
            else:
                return

    def _take_absolute_form(self) -> None:
        """Replace the Host header by the host of an absolute target, which counts alone (RFC 9112, 3.2.2)."""
        if self.parser.get_method() == b"CONNECT":
            raise UnimplementedError("This server is no proxy.")
        target = httptools.parse_url(self.url)
        if target.host:
            port = b":%d" % target.port if target.port else b""
            at = [index for index, (name, _) in enumerate(self.headers) if name == b"host"]
            for index in at:
                self.headers[index] = (b"host", target.host + port)

    def _too_large(self) -> HeadersTooLargeError:
        what = "headers" if self._meter.is_in_head else "trailers and chunk extensions"
        return HeadersTooLargeError(f"The request's {what} are larger than {self.limits.max_header_bytes} bytes.")

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.limits.header_timeout_s, self._head_timed_out)

    def _head_timed_out(self) -> None:
        self._timer = None
        if not self._has_begun:
            # Not one byte came: nobody asked anything.
            self.transport.close()
        else:
            self.refuse(RequestTimeoutError("The request's headers did not arrive in time."))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
