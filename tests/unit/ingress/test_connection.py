"""A token's way to the socket: around the transport while that is empty, through it while the client is slow."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ingress.connection import Connection, Wire
from ingress.server import Server, listen
from penstock.settings import IngressSettings
from tests.eventual import until

_HEAD = [(b"content-type", b"text/event-stream")]
_PIECE = b"x" * 997
_PIECES = 8_000


class App:
    """Hands its only request's connection to the test, and ends the response when the test says so."""

    def __init__(self) -> None:
        self.connection: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
        self.connection.set_result(Connection.of(scope))
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[App, Connection, socket.socket]]:
    """A client's socket, and the server's side of it with an open response."""
    app = App()
    server = Server(app, IngressSettings())
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


def _send(wire: Wire | None, connection: Connection, data: bytes) -> bool:
    """As a stream does with a token; False once the client has to be waited for."""
    if wire is None:
        connection.write(data)
        return False
    send, write = wire
    try:
        sent = send(data)
    except OSError:
        sent = 0
    if sent < len(data):
        write(data[sent:])
    return sent == len(data)


async def _is_open(connection: Connection) -> bool:
    return connection.wire is not None


async def test_however_full_the_socket_everything_arrives_once_and_in_order() -> None:
    async with asked() as (app, connection, client):
        reading: asyncio.Task[bytes] | None = None
        refusals = 0
        connection.on_full = lambda: None
        pieces = [b"%08x %b\r\n" % (at, _PIECE) for at in range(_PIECES)]
        for at, piece in enumerate(pieces):
            refusals += not _send(connection.wire, connection, piece)
            if at == _PIECES // 2:
                reading = asyncio.create_task(_read_all(client))
            if at % 100 == 0:
                await asyncio.sleep(0)
        assert reading is not None
        app.may_end.set()
        body = (await reading).partition(b"\r\n\r\n")[2]
        assert body.startswith(b"".join(pieces))
        assert 0 < refusals < _PIECES


async def test_a_full_socket_is_told_and_its_wire_is_closed_until_it_is_read() -> None:
    async with asked() as (_, connection, client):
        told: list[bool] = []
        connection.on_full = lambda: told.append(True)
        while not told:
            _send(connection.wire, connection, _PIECE * 64)
        assert not await _is_open(connection)
        reading = asyncio.create_task(_read_all(client))
        await until(lambda: _is_open(connection))
        reading.cancel()


async def test_the_wire_of_a_lost_connection_reaches_nobody() -> None:
    async with asked() as (_, connection, client):
        wire = connection.wire
        assert wire is not None
        descriptor = connection.transport.get_extra_info("socket").fileno()
        lost: asyncio.Future[os.stat_result] = asyncio.get_running_loop().create_future()
        # It is ours up to here: nothing that was sent until now can have gone elsewhere.
        connection.on_lost = lambda: lost.set_result(os.fstat(descriptor))
        client.close()
        assert stat.S_ISSOCK((await lost).st_mode)
        # Whoever gets the descriptor next must not get these bytes.
        with pytest.raises(OSError, match="Bad file descriptor"):
            wire[0](_PIECE)
