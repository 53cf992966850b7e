"""A connection to a receiver of webhooks, of which no answer takes much to read."""

from __future__ import annotations

import ssl
from typing import Any

import httpcore2

#: Of one answer: its head, and what is read of its body. Interim answers (1xx) before it count too: a client reads them
#: without end, and without a pause for anybody else.
MOST_ANSWER_BYTES = 1 << 16
#: What is read at once is read through in one turn of the event loop.
_MOST_AT_ONCE_BYTES = 4096


class BoundedStream(httpcore2.AsyncNetworkStream):
    """Gives so many bytes after each write, and then an error."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left_bytes = MOST_ANSWER_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's protocol
        """Raises httpcore2.ReadError for an answer that is too long."""
        if self._left_bytes <= 0:
            raise httpcore2.ReadError(f"its answer has more than {MOST_ANSWER_BYTES} bytes")
        data = await self._stream.read(min(max_bytes, _MOST_AT_ONCE_BYTES), timeout)
        self._left_bytes -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Part of the next request: what is read after it is another answer."""
        self._left_bytes = MOST_ANSWER_BYTES
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The same, encrypted from here on."""
        return BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What is known of the socket."""
        return self._stream.get_extra_info(info)
