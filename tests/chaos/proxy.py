"""A TCP proxy in front of Redis that loses replies, falls silent, or cuts connections when told to."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Collection
from dataclasses import dataclass

_CHUNK_BYTES = 1 << 16
#: How replicas and Sentinels introduce themselves, and where in what they send.
_REPLICA = b"REPLCONF"
_SENTINEL = b"sentinel-"
_INTRODUCTION_BYTES = 64


@dataclass(eq=False)
class Link:
    """One client's connection, and its connection to the server."""

    client: StreamWriter
    server: StreamWriter
    #: The server's next reply is not passed on: the client's connection ends instead.
    loses_reply: bool = False
    #: Whatever is sent, either way, vanishes; nobody is told.
    is_silent: bool = False

    def cut(self) -> None:
        """Reset both sides."""
        self.client.transport.abort()
        self.server.transport.abort()


class Proxy:
    """Passes bytes on between clients and a Redis on a unix socket, or on a port.

    `links` are those of clients: Sentinels have nothing to fear, and replicas only to be starved.
    """

    def __init__(self, upstream: str | tuple[str, int], name: str = "Redis") -> None:
        self.name = name
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        #: Who is connected, and what serves them.
        self._clients: dict[asyncio.Task[None], StreamWriter] = {}
        self._is_silent = False
        self.links: set[Link] = set()
        self._replicas: set[Link] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The Redis URL that leads through here."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Cut everything."""
        assert self._server is not None
        self._server.close()
        serving = dict(self._clients)
        for client in serving.values():
            client.transport.abort()
        await asyncio.gather(*serving)

    def cut(self, links: Collection[Link]) -> None:
        """Reset connections."""
        for link in list(links):
            link.cut()

    def lose_replies(self, links: Collection[Link]) -> None:
        """Let what is asked next be executed, and its answer be lost with the connection."""
        for link in links:
            link.loses_reply = True

    def silence(self, links: Collection[Link]) -> None:
        """Let connections die without a word."""
        for link in links:
            link.is_silent = True

    def fall_silent(self) -> None:
        """Let all connections die without a word, and new ones be dead from the start."""
        self._is_silent = True
        self.silence(self.links)

    def speak(self) -> None:
        """Serve new connections again; the dead stay dead."""
        self._is_silent = False

    def starve_replicas(self) -> None:
        """Let whatever the server has written from now on reach none of its replicas: it must die before they go on."""
        self.silence(self._replicas)

    def drop_replicas(self) -> None:
        """Tell the replicas that their master is gone."""
        self.cut(self._replicas)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            await self._serve(reader, writer)
        finally:
            del self._clients[task]
            writer.transport.abort()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._is_silent:
            while await _read(reader):
                pass
            return
        try:
            server_reader, server_writer = await self._connect()
        except OSError:
            return
        link = Link(writer, server_writer)
        self.links.add(link)
        answers = asyncio.create_task(_pass_answers(link, server_reader))
        try:
            await self._pass_questions(link, reader)
        finally:
            self.links.discard(link)
            self._replicas.discard(link)
            link.cut()
            answers.cancel()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        if isinstance(self._upstream, str):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)

    async def _pass_questions(self, link: Link, reader: StreamReader) -> None:
        while data := await _read(reader):
            self._recognise(link, data[:_INTRODUCTION_BYTES])
            if not link.is_silent:
                link.server.write(data)
                with contextlib.suppress(OSError):
                    await link.server.drain()

    def _recognise(self, link: Link, introduction: bytes) -> None:
        if _REPLICA in introduction:
            self._replicas.add(link)
        if _REPLICA in introduction or _SENTINEL in introduction:
            self.links.discard(link)


async def _pass_answers(link: Link, reader: StreamReader) -> None:
    while data := await _read(reader):
        if link.is_silent:
            continue
        if link.loses_reply:
            break
        link.client.write(data)
        with contextlib.suppress(OSError):
            await link.client.drain()
    if not link.is_silent:
        link.cut()


async def _read(reader: StreamReader) -> bytes:
    try:
        return await reader.read(_CHUNK_BYTES)
    except OSError:
        return b""
