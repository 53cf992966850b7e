"""Requests that never end: each byte of one is counted somewhere, and nobody else hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc

import pytest

from ingress.http.meter import MAX_CHUNKS
from penstock.settings import ApiKey
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.http.raw_http import Answer, answer
from tests.integration.ingress.serving import Serving

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LIMIT = 4096
KEY = ApiKey(name="laptop", tenant="acme", sha256="0" * 64)
#: Far more than is kept of a request that is refused, and than one read brings.
ENDLESS = 2 << 20
#: Each has more framing than content; fewer of them than a body may come in.
SMALL_CHUNKS = b"1\r\n \r\n" * (MAX_CHUNKS - 100)

BEGINNINGS = {
    "a head's field": (HEAD + b"x: ", b"y"),
    "a target": (b"POST /", b"y"),
    "a trailer's value": (CHUNKED + b"0\r\nA: ", b"y"),
    "a trailer's name": (CHUNKED + b"0\r\n", b"y"),
    "a trailer's value after small chunks": (CHUNKED + SMALL_CHUNKS + b"0\r\nA: ", b"y"),
    "a trailer's value after an upgrade": (
        HEAD + b"transfer-encoding: chunked\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n0\r\nA: ",
        b"y",
    ),
    "an extension": (CHUNKED + b"5;", b"y"),
    "an extension's value": (CHUNKED + b'5;a="', b"y"),
    "an extension after small chunks": (CHUNKED + SMALL_CHUNKS + b"5;", b"y"),
    "the last chunk's extension": (CHUNKED + b"0;", b"y"),
    "a size": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n"),
    "chunks with extensions": (CHUNKED, b"1;extension\r\n \r\n"),
}


async def pour(writer: asyncio.StreamWriter, piece: bytes, total: int) -> None:
    """Send and send, until the server hangs up."""
    with contextlib.suppress(ConnectionError):
        for _ in range(0, total, len(piece)):
            writer.write(piece)
            await writer.drain()
            # The server shares our loop: it reads between two pieces.
            await asyncio.sleep(0)


async def refused(serving: Serving, beginning: bytes, piece: bytes, total: int = ENDLESS) -> Answer:
    reader, writer = await serving.raw()
    writer.write(beginning)
    pouring = asyncio.create_task(pour(writer, piece, total))
    reply = await answer(reader)
    assert reply is not None
    await pouring
    assert await reader.read() == b""
    writer.close()
    return reply


@pytest.mark.parametrize(("beginning", "more"), BEGINNINGS.values(), ids=BEGINNINGS)
@pytest.mark.parametrize("size", [97, 1 << 18])
async def test_what_never_ends_is_refused_at_the_heads_limit(
    serve: Serve, beginning: bytes, more: bytes, size: int
) -> None:
    serving = await serve(max_header_bytes=LIMIT)
    piece = more * (size // len(more))
    reply = await refused(serving, beginning, piece, ENDLESS if size > LIMIT else 8 * LIMIT)

    assert reply.status == 431
    assert reply.error["code"] == "request_headers_too_large"


@pytest.mark.parametrize("method", [b"GET /health", b"POST /v1/chat/completions"])
async def test_who_was_answered_before_the_end_is_left_without_another_answer(serve: Serve, method: bytes) -> None:
    serving = await serve(max_header_bytes=LIMIT, api_keys=[KEY])
    reader, writer = await serving.raw()
    writer.write(method + b" HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\nA: ")
    reply = await answer(reader)
    await pour(writer, b"y" * 1024, ENDLESS)

    assert reply is not None
    assert reply.status == (200 if b"GET" in method else 401)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_it_takes_no_memory_and_others_are_answered_meanwhile(serve: Serve) -> None:
    serving = await serve()
    answered, is_over = 0, False

    async def neighbour() -> None:
        nonlocal answered
        while not is_over:
            assert (await serving.client.get("/health")).status_code == 200
            answered += 1

    asking = asyncio.create_task(neighbour())
    tracemalloc.start()
    beginning, more = BEGINNINGS["a trailer's value after small chunks"]
    reply = await refused(serving, beginning, more * (1 << 18), 64 << 20)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    is_over = True
    await asking

    assert reply.status == 431
    assert peak_bytes < 8 << 20
    assert answered


async def test_a_body_in_too_many_chunks_is_a_413(serve: Serve) -> None:
    reply = await refused(await serve(), CHUNKED, b"1\r\n \r\n" * 4096)

    assert reply.status == 413
