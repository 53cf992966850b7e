"""A client that sends bytes as they are, and reads answers one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_BODILESS = {204, 304}


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        (error,) = json.loads(self.body).values()
        return dict(error)


async def send(writer: asyncio.StreamWriter, parts: Sequence[bytes]) -> None:
    """Each part in a write of its own, which the server has read before the next as a rule."""
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0)


async def answer(reader: asyncio.StreamReader, *, is_head: bool = False) -> Answer | None:
    """The next answer, interim ones passed over; None at the end of the connection."""
    first = await reader.read(1)
    if not first:
        return None
    head = first + await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    status = int(status_line.split()[1])
    if status < 200:
        return await answer(reader, is_head=is_head)
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    return Answer(status, fields, b"" if is_head or status in _BODILESS else await _body(reader, fields))


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    if "transfer-encoding" not in fields:
        return await reader.read()
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
