"""The floor of streaming from Python: a bare uvloop protocol that writes one HTTP chunk per token.

Two of them. A protocol that keeps its own pace, one timer per stream, is what a server without an engine would be. One
that is written to in a sweep, all streams in a row, as an engine's step allows, is the least that any server can do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import cast

import psutil
import uvloop

from tests.eventual import until
from tests.harness.processes import free_port, launch

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":1700000000,"model":"sim",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
_CHUNK = b"%x\r\n%s\r\n" % (len(_EVENT), _EVENT)
_LAST = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class _Stream(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, tokens: int, begin: Callable[[_Stream], None]) -> None:
        self._left = tokens
        self._begin: Callable[[_Stream], None] | None = begin
        self.is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._transport.write(_HEAD)
            begin(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.is_over = True

    def write(self) -> None:
        """One token more."""
        self._transport.write(_CHUNK)
        self._left -= 1
        if not self._left:
            self.is_over = True
            self._transport.write(_LAST)


def _paced(itl_s: float) -> Callable[[_Stream], None]:
    """Each stream at its own pace."""
    loop = asyncio.get_running_loop()

    def tick(stream: _Stream, at_s: float) -> None:
        if not stream.is_over:
            stream.write()
            loop.call_at(at_s + itl_s, tick, stream, at_s + itl_s)

    return lambda stream: tick(stream, loop.time())


def _swept(itl_s: float) -> Callable[[_Stream], None]:
    """All streams at one pace."""
    loop = asyncio.get_running_loop()
    streams: list[_Stream] = []

    def sweep(at_s: float) -> None:
        streams[:] = [stream for stream in streams if not stream.is_over]
        for stream in streams:
            stream.write()
        loop.call_at(at_s + itl_s, sweep, at_s + itl_s)

    sweep(loop.time())
    return streams.append


@contextlib.asynccontextmanager
async def bare_server(kind: str, tokens: int, itl_ms: float) -> AsyncIterator[tuple[int, psutil.Process]]:
    """One of the two, as a process of its own: where it listens, and the process."""
    port = free_port()
    command = [sys.executable, "-m", "bench.harness.bare_server", kind, str(port), str(tokens), str(itl_ms / 1000)]
    process = launch(command, os.environ, Path(os.devnull))
    try:
        await until(partial(_accepts, port))
        yield port, psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _serve(kind: str, port: int, tokens: int, itl_s: float) -> None:
    begin = {"paced": _paced, "swept": _swept}[kind](itl_s)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: _Stream(tokens, begin), "127.0.0.1", port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
