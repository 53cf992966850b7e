"""One HTTP connection, as a response sees it: the way to its client, and the news of that client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from ingress.http.reader import HttpReader
from ingress.http.until_close import UntilClose
from ingress.http.writer import ResponseWriter

if TYPE_CHECKING:
    from starlette.types import Scope
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from penstock.settings import IngressSettings

#: A reader that takes nothing for this long is gone for all we know.
_STALL_S = 30.0


class Connection(HttpReader):
    """A client's connection."""

    writer: ResponseWriter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Called once the client is gone; when the transport has room again; and to write something that does no harm,
        #: where it is not sure that the client is still there.
        self.on_lost: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self.on_probe: Callable[[], None] | None = None
        #: Called once the server wants to end: for a response that would never end by itself.
        self.on_server_stop: Callable[[], None] | None = None
        self.was_cut = False
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

    def require_client(self) -> None:
        """Raise ClientDisconnect where nobody is there any more to answer."""
        if self.transport.is_closing():
            raise ClientDisconnect

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
            self.on_lost = self.on_writable = self.on_probe = self.on_server_stop = self.writer.on_full = None

    # What asyncio, uvicorn and the parser call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the way out."""
        super().connection_made(transport)
        self.writer = ResponseWriter(self.transport, self._socket)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever writes or waits."""
        self._stop_stalling()
        super().connection_lost(exc)
        # As for the reader's: a circle would be left to the collector.
        self.writer.front = None
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

    def shutdown(self) -> None:
        """The server ends: the response that is under way is the last."""
        super().shutdown()
        if self.on_server_stop is not None:
            self.on_server_stop()

    def on_headers_complete(self) -> None:
        """Choose how the answer is framed."""
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            self.cycle.send = UntilClose(self.cycle, self.writer.write)  # type: ignore[method-assign, assignment]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.writer.front = cycle
        super()._start_asgi_task(cycle, app)

    def _stop_stalling(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
