"""A token's way to the socket: around the transport while that is empty, through it while the client is slow."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from http.client import HTTPResponse
from itertools import chain
from typing import Any

import pytest
import uvloop
from starlette.requests import ClientDisconnect

from ingress.http.connection import Connection
from ingress.http.server import HttpServer, listen
from ingress.streams.stream import Stream
from penstock.answers.chunks import TextChunks
from penstock.answers.events import PlainEvents
from penstock.settings import IngressSettings
from tests.eventual import until
from tests.unit.ingress.samples import COMPLETED, envelope, watch

_HEAD = [(b"content-type", b"text/event-stream")]
_PIECES = 8_000
EVENTS = PlainEvents(TextChunks(envelope()))


def on_uvloop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on the loop that an ingress serves on."""

    def run() -> None:
        uvloop.run(test())

    return run


class App:
    """Hands its only request's connection to the test, and ends the response when the test says so."""

    def __init__(self) -> None:
        self.connection: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self.may_end = asyncio.Event()
        self.last_words = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
        self.connection.set_result(Connection.of(scope))
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": self.last_words})


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[App, Connection, socket.socket]]:
    """A client's socket, and the server's side of it with an open response."""
    app = App()
    server = HttpServer(app, IngressSettings())
    listener = listen("127.0.0.1", 0, "ingress")
    serving = asyncio.create_task(server.serve([listener]))
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, listener.getsockname())
    await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
    try:
        yield app, await app.connection, client
    finally:
        client.close()
        app.may_end.set()
        server.stop()
        await serving


async def _read_all(client: socket.socket) -> bytes:
    got = bytearray()
    while part := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
        got += part
    return bytes(got)


def _body(response: bytes) -> bytes:
    """Without head and chunk framing."""
    parsed = HTTPResponse(_Received(response))  # type: ignore[arg-type]
    parsed.begin()
    return parsed.read()


class _Received:
    """A socket as far as HTTPResponse needs one."""

    def __init__(self, response: bytes) -> None:
        self._response = response

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._response)


async def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


async def _is_open(connection: Connection) -> bool:
    return connection.writer.wire is not None


@on_uvloop
async def test_however_full_the_socket_everything_arrives_once_and_in_order() -> None:
    pieces = [f"{at:08x} {'x' * 1000}" for at in range(_PIECES)]
    async with asked() as (app, connection, client):
        stream = Stream("sim-1", watch(), buffer_bytes=10**9)
        stream.open(connection, EVENTS)
        reading: asyncio.Task[bytes] | None = None
        waits = 0
        for at, piece in enumerate(pieces):
            stream.feed_one(stream.fence, at, at, piece)
            waits += connection.writer.wire is None
            if at == _PIECES // 2:
                reading = asyncio.create_task(_read_all(client))
            if at % 100 == 0:
                await asyncio.sleep(0)
        stream.finish(COMPLETED)
        await stream.over
        app.last_words = stream.last_words
        app.may_end.set()
        assert reading is not None
        assert _body(await reading) == EVENTS.opening() + EVENTS.of(pieces, 0) + EVENTS.closing(COMPLETED, _PIECES)
        assert 0 < waits < _PIECES


@on_uvloop
async def test_a_full_socket_is_told_and_its_wire_is_closed_until_it_is_read() -> None:
    async with asked() as (_, connection, client):
        told: list[bool] = []
        connection.writer.on_full = lambda: told.append(True)
        while not told:
            assert connection.writer.wire is not None
            connection.writer.write(b"x" * 65_536)
        assert not await _is_open(connection)
        reading = asyncio.create_task(_read_all(client))
        await until(lambda: _is_open(connection))
        reading.cancel()


@on_uvloop
async def test_what_waits_in_the_transport_is_not_overtaken() -> None:
    async with asked() as (app, connection, client):
        told: list[bool] = []
        connection.writer.on_full = lambda: told.append(True)
        chunks = 0
        while not told:
            connection.writer.write_chunk(b"x" * 65_536)
            chunks += 1
        got = bytearray()
        # Now the socket takes more, which the loop has had no time to notice.
        with suppress(BlockingIOError):
            while True:
                got += client.recv(1 << 20)
        connection.writer.write_chunk(b"last")
        app.may_end.set()
        assert _body(bytes(got) + await _read_all(client)) == b"x" * 65_536 * chunks + b"last"


@on_uvloop
async def test_the_wire_of_a_lost_connection_reaches_nobody() -> None:
    async with asked() as (_, connection, client):
        wire = connection.writer.wire
        assert wire is not None
        descriptor = connection.transport.get_extra_info("socket").fileno()
        lost: asyncio.Future[os.stat_result] = asyncio.get_running_loop().create_future()
        # It is ours up to here: nothing that was sent until now can have gone elsewhere.
        connection.on_lost = lambda: lost.set_result(os.fstat(descriptor))
        client.close()
        assert stat.S_ISSOCK((await lost).st_mode)
        await until(lambda: _is_closed(descriptor))
        pairs = [socket.socketpair() for _ in range(4)]
        try:
            assert descriptor in [end.fileno() for pair in pairs for end in pair]
            with pytest.raises(OSError, match="Bad file descriptor"):
                wire[0](b"x")
        finally:
            for end in chain.from_iterable(pairs):
                end.close()


@on_uvloop
async def test_it_is_known_whether_anybody_is_there_to_answer() -> None:
    async with asked() as (_, connection, _client):
        connection.require_client()
        connection.transport.abort()
        with pytest.raises(ClientDisconnect):
            connection.require_client()
