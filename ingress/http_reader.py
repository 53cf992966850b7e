"""What comes in by a connection: uvicorn's httptools protocol with limits, and one form for whatever is refused."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ingress.half_close import HalfClose
from ingress.http_fault import check_version, error_of, last_answer
from ingress.meter import MAX_CHUNKS, Meter
from ingress.upgrade import body_parser
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
#: How long a client may go on sending after the last answer: a reset would take that from it.
_LINGER_S = 1.0
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


class _Leaving:
    """A transport as uvicorn's cycle needs one, that takes leave instead of closing."""

    def __init__(self, transport: asyncio.Transport, leave: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = leave


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
        #: Said as soon as all that was asked before is answered; what comes after it is not listened to.
        self._last_word: ApiError | None = None
        self._is_parting = False
        self._half_close: HalfClose | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_whole_request(self) -> bool:
        """Whether the request's body has arrived: no need to time it."""
        return self._meter.is_in_head

    def resume_reading(self) -> None:
        """Hear of the client again: a large body leaves reading paused, and with it the news of a disconnect."""
        self.flow.resume_reading()

    def probe(self) -> bool:
        """Send something that does no harm, for a client that may be gone; False where nothing can be sent."""
        front = self.front
        if front is None or front.response_started or front.scope["http_version"] == "1.0":
            return False
        self.transport.write(_PROCESSING)
        return True

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a request's head in time."""
        super().connection_made(transport)  # type: ignore[arg-type]
        own: socket.socket = transport.get_extra_info("socket")
        self._socket = socket.socket(own.family, own.type, own.proto, own.fileno())
        self._leaving: Any = _Leaving(self.transport, self._leave)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request, not only the last."""
        self._stop_timer()
        if self._half_close is not None:
            self._half_close.stop()
        for cycle in (self.front, *(queued for queued, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)
        # The descriptor is the transport's to close, and then another connection's.
        self._socket.detach()
        # They lead back here: without the loop all this is freed at once, and not by a collector that stops the tokens.
        self.front = self._half_close = None
        del self.scope, self.cycle, self._leaving

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to go on writing: a client that sent whole requests and no more may still read."""
        is_answering = self.front is not None and not self.front.response_complete
        is_between = self._meter.is_in_head and not self._meter.raw
        if self._is_parting or not is_answering or not is_between:
            return False
        if self._half_close is None:
            self._half_close = HalfClose(self._socket, probe=self.probe, gone=self.transport.abort)
        return True

    def data_received(self, data: bytes) -> None:
        """Parse, and bound what the parser does not show because it is not complete."""
        self._unset_keepalive_if_required()
        if self._last_word is not None or self._is_parting:
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
        """Offer ourselves to the handlers."""
        super().on_message_begin()
        self.scope["extensions"] = {self.EXTENSION: self}  # type: ignore[dict-item]
        self._has_begun = True
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Count it."""
        self._meter.head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound head and trailers; trailers tell us nothing (RFC 9110, 6.5.1: they must not be taken for the head)."""
        meter = self._meter
        if not meter.field(name, value):
            raise self._too_large()
        if meter.is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head came in time."""
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
        self.cycle.transport = self._leaving

    def on_chunk_complete(self) -> None:
        """Count it."""
        if not self._meter.chunk():
            raise BodyTooLargeError(f"The request body comes in more than {MAX_CHUNKS} chunks.")

    def on_body(self, body: bytes) -> None:
        """Let a client finish sending a body that was refused, so that it gets to read why; within reason."""
        self._meter.content(len(body))
        if self.cycle.response_complete:
            self._refused_bytes += len(body)
            if self._refused_bytes > _PATIENCE_BODIES * self.limits.max_body_bytes:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Whatever comes next is another head."""
        if self.parser.should_upgrade():
            # The parser's view; the body is still to come.
            return
        self._meter = Meter(self.limits.max_header_bytes)
        super().on_message_complete()

    # What uvicorn calls.

    def on_response_complete(self) -> None:
        """Begin the next answer; where there is none, say what is left to say, or leave with a client that reads on."""
        if self._is_parting:
            return
        super().on_response_complete()
        if self.transport.is_closing() or self.front is None or not self.front.response_complete:
            return
        if self._last_word is not None:
            self._part(self._last_word)
        elif self._half_close is not None:
            # What the client has yet to take of the answer goes out first.
            self._half_close.stop()
            self.transport.close()

    def shutdown(self) -> None:
        """Let go who has had its last answer."""
        if self._is_parting:
            self.transport.close()
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.front = cycle
        super()._start_asgi_task(cycle, app)

    # Refusals of what never became a request.

    def refuse(self, error: ApiError) -> None:
        """Answer what is no HTTP, or too much of it, after all that was asked before; then close."""
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
                # Whoever asks has an answer; another would be taken for the next request's.
                self._leave()
                return
        elif front is not None and not front.response_complete:
            return
        self._part(error)

    def _part(self, error: ApiError) -> None:
        self.transport.write(last_answer(error, self.server_state.default_headers))
        self._leave()

    def _leave(self) -> None:
        """Say no more and hear no more, but let the client read: to close while it still sends would be a reset."""
        if self._is_parting or self.transport.is_closing():
            return
        self._is_parting = True
        self._stop_timer()
        if self._half_close is not None:
            self._half_close.stop()
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(_LINGER_S, self.transport.close)

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
        """The target names the host then, whatever the field says (RFC 9112, 3.2.2)."""
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
