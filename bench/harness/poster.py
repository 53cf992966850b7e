"""Posts one body over and over on kept connections: as little work per request as a client can have."""

from __future__ import annotations

import asyncio
import re
import time
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    """Asks again as soon as it has its answer."""

    def __init__(self, request: bytes, times: int, bodies: list[bytes]) -> None:
        self._request = request
        self._left = times
        self._bodies = bodies
        self._buffer = b""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        found = _LENGTH.search(head + gap)
        if not gap or found is None or len(body) < int(found[1]):
            return
        self._bodies.append(body)
        self._buffer = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("hung up")) if self._left else self.over.set_result(None)


async def posted(
    port: int, path: str, body: bytes, content_type: str, *, connections: int, times: int
) -> tuple[float, list[bytes]]:
    """Seconds for `times` requests on each of so many connections, and the bodies of all answers."""
    fields = f"host: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}"
    head = f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n"
    loop, bodies = asyncio.get_running_loop(), list[bytes]()
    begun_s = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(head.encode() + body, times, bodies), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.over for _, protocol in made))
    return time.perf_counter() - begun_s, bodies
