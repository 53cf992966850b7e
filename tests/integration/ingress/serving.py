"""An ingress in the test's own process, and how to talk to it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from ingress.app import ingress_app
from ingress.http.server import HttpServer, listen
from ingress.intake.context import Context
from penstock.settings import Settings
from tests.eventual import until
from tests.integration.ingress.fake_worker import FakeWorker, Hand

CHAT: dict[str, Any] = {"model": "sim", "messages": [{"role": "user", "content": "Hello"}]}
STREAM = {**CHAT, "stream": True}


@dataclass
class Serving:
    """A running ingress."""

    port: int
    client: httpx.AsyncClient
    server: HttpServer
    context: Context

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)


def _context(app: Any) -> Context:
    """What the innermost app shares."""
    while not isinstance(app, FastAPI):
        app = app.app
    context: Context = app.state.service
    return context


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """Serve until the block is left."""
    app = ingress_app(settings)
    server = HttpServer(app, settings.ingress)
    listener: socket.socket = listen("127.0.0.1", 0, "ingress")
    port = listener.getsockname()[1]
    task = asyncio.create_task(server.serve([listener]))

    async def is_up() -> bool:
        if task.done():
            task.result()
        return server.started

    await until(is_up)
    # There is no TLS, and to read the authorities' certificates takes longer than to start an ingress.
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, verify=False) as client:
        yield Serving(port, client, server, _context(app))
    server.stop()
    await task


@dataclass
class Sse:
    """An open stream of server-sent events, read event by event."""

    response: httpx.Response
    _lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.response.aiter_lines()

    async def next(self) -> tuple[str | None, Any]:
        """The id and the data of the next event; "[DONE]" as it is, None at the end of the stream."""
        event_id, data = None, None
        async for line in self._lines:
            if line.startswith("id: "):
                event_id = line[4:]
            elif line.startswith("data: "):
                data = line[6:]
            elif not line:
                return event_id, data if data == "[DONE]" else json.loads(data or "null")
        return None, None

    async def text(self, chunks: int) -> str:
        """The text of the next chunks that have some."""
        text = ""
        for _ in range(chunks):
            _, data = await self.next()
            text += content(data)
        return text

    async def rest(self) -> list[tuple[str | None, Any]]:
        """All events that are left."""
        events = []
        while (event := await self.next()) != (None, None):
            events.append(event)
        return events


@asynccontextmanager
async def streaming(
    client: httpx.AsyncClient, body: dict[str, Any] | None = None, *, headers: dict[str, str] | None = None
) -> AsyncIterator[Sse]:
    """An open chat stream."""
    async with client.stream("POST", "/v1/chat/completions", json=body or STREAM, headers=headers) as response:
        yield Sse(response)


@asynccontextmanager
async def begun(
    client: httpx.AsyncClient,
    worker: FakeWorker,
    *pieces: str,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[tuple[Sse, Hand]]:
    """A chat stream whose first tokens, in these pieces, have come and been read; and the job in the worker's hands."""
    request = client.build_request("POST", "/v1/chat/completions", json=body or STREAM, headers=headers)
    sending = asyncio.create_task(client.send(request, stream=True))
    hand = await worker.take()
    await worker.say(hand, *pieces)
    sse = Sse(await sending)
    try:
        assert await sse.text(1 + len(pieces)) == "".join(pieces)
        yield sse, hand
    finally:
        await sse.response.aclose()


@asynccontextmanager
async def following(client: httpx.AsyncClient, job_id: str, after: str | None = None) -> AsyncIterator[Sse]:
    """A job's open event stream."""
    params = {} if after is None else {"after": after}
    async with client.stream("GET", f"/v1/jobs/{job_id}/events", params=params) as response:
        yield Sse(response)


def content(chunk: Any) -> str:
    """The text of one chunk."""
    choices = chunk["choices"]
    return (choices[0]["delta"].get("content") or "") if choices else ""


def joined(events: list[tuple[str | None, Any]]) -> str:
    """The text of all chunks."""
    return "".join(content(data) for _, data in events if data != "[DONE]")
