"""The end of a connection whose client may still send: to close at once would reset it and lose the answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from ingress.http.half_close import HalfClose

if TYPE_CHECKING:
    from uvicorn.protocols.http.flow_control import FlowControl

#: How long a client may go on sending after the last answer.
_LINGER_S = 1.0


class ClosingTransport:
    """A transport as uvicorn's cycle needs one, whose `close` lingers."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class LingeringClose:
    """Sends nothing more and ignores what comes, until the client closes too or a second has passed."""

    def __init__(self, transport: asyncio.Transport, flow: FlowControl, own: socket.socket) -> None:
        self._transport = transport
        self._flow = flow
        self._socket = own
        self._timer: asyncio.TimerHandle | None = None
        #: Set where the client has sent its last byte.
        self._half_close: HalfClose | None = None
        self.has_begun = False

    @property
    def is_half(self) -> bool:
        """Whether the client has closed its sending side, and may still read."""
        return self._half_close is not None

    def begin(self) -> None:
        """Close, as soon as the client has."""
        if self.has_begun or self._transport.is_closing():
            return
        self.has_begun = True
        if self.is_half:
            self.end()
            return
        self._transport.write_eof()
        self._flow.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    def half_close(self, probe: Callable[[], bool]) -> None:
        """The client sends no more; `probe` is used to find out whether it is still there."""
        if self._half_close is None:
            self._half_close = HalfClose(self._socket, probe=probe, gone=self._transport.abort)

    def end(self) -> None:
        """Close now; what the client has yet to take goes out first."""
        self.stop()
        self._transport.close()

    def stop(self) -> None:
        """Stop waiting: the connection is lost, or about to be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._half_close is not None:
            self._half_close.stop()
            # It refers to the connection: without that cycle all of this is freed at once.
            self._half_close = None
