"""Clients that hang up at any point of any request: nobody has to read a traceback of it."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Scope

from ingress.http.connection import Connection
from tests.eventual import until
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun

#: With it a close is a reset.
_NO_LINGER = struct.pack("ii", 1, 0)
_CONNECTIONS = 500


@pytest.fixture
async def complaints(caplog: pytest.LogCaptureFixture) -> AsyncIterator[list[Any]]:
    """What was logged as an error, and what nobody caught."""
    found: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    with caplog.at_level(logging.DEBUG):
        yield found
    asyncio.get_running_loop().set_exception_handler(None)
    found += [record for record in caplog.get_records("call") if record.exc_info or record.levelno >= logging.ERROR]
    assert not found


def requests(job: str) -> list[bytes]:
    """One of each route."""
    tokens = {"model": "sim", "tokens": list(range(1000))}
    text = {"model": "sim", "prompt": "gate " * 2000, "return_token_strs": True}
    return [
        *(_get(method, f"/v1/jobs/{job}{rest}") for method in ("GET", "HEAD") for rest in ("", "/events")),
        _get("GET", f"/v1/jobs/{job}/events?after=0"),
        *(_get("GET", path) for path in ("/health", "/ready", "/metrics", "/v1/models", "/nothing")),
        _post("/v1/chat/completions", STREAM),
        _post("/v1/chat/completions", CHAT),
        _post("/v1/chat/completions", {"model": "sim"}),
        _post("/v1/completions", {"model": "sim", "prompt": "Hi", "stream": True}),
        _post("/tokenize", text),
        _post("/detokenize", tokens),
    ]


def _get(method: str, path: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def _post(path: str, body: dict[str, Any]) -> bytes:
    raw = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}"
    return head.encode() + b"\r\n\r\n" + raw


async def hang_up(serving: Serving, request: bytes, turns: int, *, reset: bool) -> None:
    """Send a request, or a part of it, and close after some turns of the loop that serves it."""
    _, writer = await serving.raw()
    if reset:
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.write(request)
    for _ in range(turns):
        await asyncio.sleep(0)
    writer.transport.abort() if reset else writer.close()


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("is_over", [True, False])
async def test_a_route_whose_client_is_gone_at_once(
    ingress: Serving, worker: FakeWorker, complaints: list[Any], *, is_over: bool, reset: bool
) -> None:
    async with begun(ingress.client, worker, "a", headers={"x-penstock-keep": "true"}) as (_, hand):
        if is_over:
            await worker.end(hand)
        for request in requests(hand.held.job):
            for turns in range(12):
                await hang_up(ingress, request, turns, reset=reset)
    await until(lambda: is_idle(ingress))
    assert not complaints


async def test_500_clients_that_reset_at_random_points(
    ingress: Serving, worker: FakeWorker, complaints: list[Any]
) -> None:
    chance = random.Random(5)
    async with begun(ingress.client, worker, "a", headers={"x-penstock-keep": "true"}) as (_, hand):
        every = requests(hand.held.job)
        for _ in range(_CONNECTIONS // 50):
            chosen = [chance.choice(every) for _ in range(50)]
            parts = [one[: chance.randrange(len(one)) + 1] if chance.random() < 0.5 else one for one in chosen]
            await asyncio.gather(*(hang_up(ingress, one, chance.randrange(20), reset=True) for one in parts))
    await until(lambda: is_idle(ingress))
    assert not complaints


class Leaving:
    """A connection as it is when its client's end was read, and the protocol is told in the loop's next turn."""

    @staticmethod
    def of(scope: Scope) -> Connection:
        connection = Connection.of(scope)
        connection.transport.close()
        return connection


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_client_whose_end_is_read_as_its_answer_begins(
    ingress: Serving,
    worker: FakeWorker,
    complaints: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_streamed: bool,
) -> None:
    async with begun(ingress.client, worker, "a", headers={"x-penstock-keep": "true"}) as (_, hand):
        events = _get("GET", f"/v1/jobs/{hand.held.job}/events")
        monkeypatch.setattr("ingress.routes.pending.Connection", Leaving)
        for request in (events, _post("/v1/chat/completions", STREAM if is_streamed else CHAT)):
            reader, writer = await ingress.raw()
            writer.write(request)
            await reader.read()
            writer.close()
        monkeypatch.undo()
    await until(lambda: is_idle(ingress))
    assert not complaints


async def is_idle(serving: Serving) -> bool:
    """Whether only the client of the test's own is left."""
    return len(serving.server.server_state.connections) <= 1 and not list(serving.context.relay)
