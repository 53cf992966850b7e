"""The floor of streaming from Python: a bare uvloop protocol that writes one HTTP chunk per stream and token."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":1700000000,"model":"sim",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
_CHUNK = b"%x\r\n%s\r\n" % (len(_EVENT), _EVENT)
_LAST = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class _Streams:
    """All open streams, written to in one sweep per step as an engine would."""

    def __init__(self, tokens: int, itl_s: float) -> None:
        self.left: dict[asyncio.Transport, int] = {}
        self._tokens = tokens
        self._itl_s = itl_s

    def open(self, transport: asyncio.Transport) -> None:
        transport.write(_HEAD)
        self.left[transport] = self._tokens

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            at = max(at + self._itl_s, loop.time())
            await asyncio.sleep(at - loop.time())
            for transport, left in list(self.left.items()):
                transport.write(_CHUNK)
                self.left[transport] = left - 1
                if left == 1:
                    del self.left[transport]
                    transport.write(_LAST)


class _Server(asyncio.Protocol):
    def __init__(self, streams: _Streams) -> None:
        self._streams = streams
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._open:
            self._open = True
            self._streams.open(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._streams.left.pop(self._transport, None)


async def _serve(port: int, tokens: int, itl_s: float) -> None:
    streams = _Streams(tokens, itl_s)
    await asyncio.get_running_loop().create_server(lambda: _Server(streams), "127.0.0.1", port, backlog=1024)
    await streams.run()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
