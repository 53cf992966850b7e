"""An HTTP/1.1 client on one kept connection: as little as it takes to ask a hundred thousand times."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers in lower case, and the body with its chunks joined."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """One request at a time; connects when it has to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send a request and read the whole answer."""
        reader = await self._send(method, path, body, headers or {})
        status, fields = await _head(reader)
        if "content-length" in fields:
            return Reply(status, fields, await reader.readexactly(int(fields["content-length"])))
        return Reply(status, fields, b"".join([chunk async for chunk in _chunks(reader)]))

    async def leave(self, path: str, body: dict[str, Any]) -> None:
        """Send a request for a stream and hang up after its first chunk."""
        reader = await self._send("POST", path, body, {})
        await _head(reader)
        async for _ in _chunks(reader):
            break
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> asyncio.StreamReader:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        raw = b"" if body is None else json.dumps(body).encode()
        fields = {"host": "localhost", "content-type": "application/json", "content-length": str(len(raw)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self._writer.write("\r\n".join(lines).encode() + raw)
        return self._reader


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    fields = (line.partition(": ") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value for name, _, value in fields}


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
