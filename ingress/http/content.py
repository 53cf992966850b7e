"""A long content as a response: as its client takes it, and of a length that is told beforehand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from ingress.http.connection import Connection
from penstock.errors import StorageError
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

log = logs.get()


class ContentResponse(Response):
    """Sends chunks as they come; each waits until its client has taken the one before.

    A content that breaks off ends the connection: the client sees that it is shorter than it was told.
    """

    def __init__(
        self, chunks: AsyncGenerator[bytes], size: int, *, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(status_code=status, headers=headers, media_type=media_type)
        self.headers["content-length"] = str(size)
        self._chunks = chunks

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        connection, is_whole = Connection.of(scope), True
        async with aclosing(self._chunks) as chunks:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                if scope["method"] != "HEAD":
                    is_whole = await self._send_all(chunks, connection, send)
            except StorageError as error:
                log.warning(events.CONTENT_BROKEN_OFF, path=scope["path"][:200], error=str(error))
                is_whole = False
        if is_whole:
            await send({"type": "http.response.body", "body": b""})
        else:
            await connection.cut()

    async def _send_all(self, chunks: AsyncGenerator[bytes], connection: Connection, send: Send) -> bool:
        """Whether there was somebody to take it all. Raises StorageError."""
        async for chunk in chunks:
            if connection.transport.is_closing():
                return False
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            metrics.FILE_BYTES.labels("sent").inc(len(chunk))
        return not connection.transport.is_closing()


async def begun(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same, its first chunk read: what is wrong with that can still be told. Raises what it raises."""
    first = await anext(chunks, None)
    return _again(first, chunks)


async def _again(first: bytes | None, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        if first is not None:
            yield first
        async for chunk in rest:
            yield chunk


def attachment(filename: str) -> str:
    """A Content-Disposition that gives a file its name (RFC 6266; RFC 8187 for what is not ASCII)."""
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in filename)
    full = f"; filename*=UTF-8''{quote(filename, safe='')}" if plain != filename else ""
    return f'attachment; filename="{plain}"{full}'
