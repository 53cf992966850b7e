"""How HTTP's corners behave: who hangs up and when, old versions, codings, other origins, names of requests."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import zlib
from collections.abc import Callable

import httpx
import pytest
import structlog

from penstock.broker.tail import Cancel
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.http.raw_http import answer
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun

CHAT_PATH = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
PROMPT = json.dumps({"prompt": "hello"}).encode()
TOKENIZE = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def asking(body: dict[str, object], version: str = "1.1", fields: str = "") -> bytes:
    """A request for a generation."""
    raw = json.dumps(body).encode()
    head = f"POST {CHAT_PATH} HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}"
    return f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw


async def nobody_is_connected(ingress: Serving) -> bool:
    return not ingress.server.server_state.connections


# Who hangs up.


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "streamed"])
async def test_who_sends_no_more_still_gets_the_answer(
    ingress: Serving, worker: FakeWorker, body: dict[str, object], version: str
) -> None:
    reader, writer = await ingress.raw()
    writer.write(asking(body, version))
    writer.write_eof()
    hand = await worker.take()
    # Longer than it takes to find out that a client is gone.
    await asyncio.sleep(0.8)
    await worker.say(hand, "Hel")
    await worker.end(hand, "lo")
    got = await answer(reader)

    assert got is not None
    assert got.status == 200
    assert b"Hel" in got.body
    assert b"lo" in got.body
    assert await reader.read() == b""
    writer.close()
    await until(lambda: nobody_is_connected(ingress))


async def test_who_sends_no_more_and_leaves_later_cancels_its_job(ingress: Serving, worker: FakeWorker) -> None:
    reader, writer = await ingress.raw()
    writer.write(asking(STREAM))
    writer.write_eof()
    hand = await worker.take()
    await worker.say(hand, "a")
    await reader.readuntil(b'"a"')
    writer.transport.abort()
    await worker.say(hand, "b")
    await worker.say(hand, "c")

    async with asyncio.timeout(2.0):
        assert Cancel(hand.held.job, hand.held.fence) in await worker.controls()


async def test_a_client_of_http_1_0_that_leaves_cancels_its_job(
    ingress: Serving, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingress.http.half_close._AGAIN_S", 0.2)
    _, writer = await ingress.raw()
    writer.write(asking(CHAT, "1.0"))
    hand = await worker.take()
    writer.close()

    async with asyncio.timeout(2.0):
        assert Cancel(hand.held.job, hand.held.fence) in await worker.controls()


LEAVING: dict[str, bytes] = {
    "in the head": TOKENIZE[:30],
    "in the body": TOKENIZE + b"Content-Length: 100\r\n\r\nabc",
    "in a chunk": TOKENIZE + b"Transfer-Encoding: chunked\r\n\r\n8\r\nabc",
    "between chunks": TOKENIZE + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "before the answer": asking(CHAT),
    "in the first of two": asking(CHAT) + asking(CHAT),
    "in the first of three": asking(STREAM) + asking(STREAM) + asking(STREAM),
    "after a refused body": TOKENIZE + b"Content-Length: 9999999\r\n\r\nabc",
    "after an upgrade": TOKENIZE + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 100\r\n\r\nabc",
}


@pytest.mark.parametrize("is_abrupt", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("request_", LEAVING.values(), ids=LEAVING)
async def test_a_client_may_leave_at_any_time_and_the_log_stays_clean(
    ingress: Serving, caplog: pytest.LogCaptureFixture, request_: bytes, *, is_abrupt: bool
) -> None:
    _, writer = await ingress.raw()
    writer.write(request_)
    await asyncio.sleep(0.05)
    if is_abrupt:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()

    await until(lambda: nobody_is_connected(ingress))
    await until(lambda: no_task_runs(ingress))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def no_task_runs(ingress: Serving) -> bool:
    return not ingress.server.server_state.tasks


async def test_a_client_may_leave_in_the_answer_to_the_first_of_three(
    ingress: Serving, worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await ingress.raw()
    writer.write(asking(STREAM) * 3)
    hand = await worker.take()
    await worker.say(hand, "a")
    await reader.readuntil(b'"a"')
    writer.close()

    async with asyncio.timeout(1.0):
        assert Cancel(hand.held.job, hand.held.fence) in await worker.controls()
    await until(lambda: no_task_runs(ingress))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not await worker.has_waiting()


async def test_a_refusal_reaches_a_client_that_goes_on_sending(ingress: Serving) -> None:
    reader, writer = await ingress.raw()
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 2_000_000)
    got = await answer(reader)

    assert got is not None
    assert got.status == 431
    writer.close()


# HTTP/1.0.


async def test_a_stream_of_http_1_0_has_no_chunks_and_ends_with_the_connection(
    ingress: Serving, worker: FakeWorker
) -> None:
    reader, writer = await ingress.raw()
    writer.write(asking(STREAM, "1.0"))
    hand = await worker.take()
    for piece in ("a", "b", "c"):
        await worker.say(hand, piece)
    await worker.end(hand, "d")
    raw = await reader.read()
    writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")

    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert all(line.startswith(b"data: ") or not line for line in body.split(b"\n"))
    assert body.endswith(b"data: [DONE]\n\n")


# Methods.


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/v1/models", "/v1/models/sim"])
async def test_head_is_get_without_a_body(client: httpx.AsyncClient, worker: FakeWorker, path: str) -> None:
    got, head = await client.get(path), await client.head(path)

    assert head.status_code == got.status_code == 200
    assert head.content == b""
    assert set(head.headers) == set(got.headers)
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_head_of_a_job_and_of_its_events(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand):
        await worker.end(hand)
        await sse.rest()
    for path, kind in (("", "application/json"), ("/events", "text/event-stream")):
        head = await client.head(f"/v1/jobs/{hand.held.job}{path}")
        assert (head.status_code, head.headers["content-type"], head.content) == (200, kind, b"")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/health", "GET, HEAD"), (CHAT_PATH, "POST"), ("/v1/jobs/sim-1", "DELETE, GET, HEAD"), ("/tokenize", "POST")],
)
async def test_what_is_allowed_is_told(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    wrong, asked = await client.put(path), await client.options(path)

    assert (wrong.status_code, wrong.headers["allow"]) == (405, allowed)
    assert (asked.status_code, asked.headers["allow"]) == (204, allowed)


# Hosts and origins.


async def test_other_names_are_allowed_by_name(serve: Serve) -> None:
    client = (await serve(allowed_hosts=("Penstock.example",))).client
    statuses = {
        host: (await client.get("/health", headers={"host": host})).status_code
        for host in ("penstock.example:8000", "PENSTOCK.EXAMPLE.", "localhost", "127.0.0.7", "[::1]", "other.example")
    }

    assert statuses.pop("other.example") == 421
    assert set(statuses.values()) == {200}


@pytest.mark.parametrize(("path", "status"), [(CHAT_PATH, 415), ("/v1/nothing", 404), ("/v1/jobs/sim-0", 404)])
async def test_a_page_may_read_what_it_needs_of_a_refusal(serve: Serve, path: str, status: int) -> None:
    client = (await serve(cors_origins=("https://example.org",))).client
    headers = {"origin": "https://example.org"}
    response = await (client.post if path == CHAT_PATH else client.get)(path, headers=headers)

    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "https://example.org"
    exposed = set(response.headers["access-control-expose-headers"].split(", "))
    assert {"x-penstock-job-id", "x-request-id", "retry-after", "x-should-retry"} < exposed
    assert {"x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests"} < exposed


async def test_what_a_full_lane_tells_is_exposed_whole(serve: Serve) -> None:
    client = (await serve(pool={"lane_max_bytes": 10}, cors_origins=("https://example.org",))).client
    response = await client.post(CHAT_PATH, json=CHAT, headers={"origin": "https://example.org"})

    assert response.status_code == 429
    exposed = set(response.headers["access-control-expose-headers"].split(", "))
    assert {name for name in response.headers if name.startswith("x-") or name == "retry-after"} <= exposed


# Bodies.


def _bare_deflate(content: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(content) + coder.flush()


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("gzip", lambda content: gzip.compress(content[:5]) + gzip.compress(content[5:])),
        ("deflate", zlib.compress),
        ("deflate", _bare_deflate),
    ],
)
async def test_a_compressed_body_is_decompressed(
    client: httpx.AsyncClient, coding: str, code: Callable[[bytes], bytes]
) -> None:
    response = await client.post("/tokenize", content=code(PROMPT), headers={**JSON, "content-encoding": coding})

    assert response.json() == (await client.post("/tokenize", content=PROMPT, headers=JSON)).json()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (gzip.compress(b" " * 50_000_000), 413),
        (gzip.compress(gzip.compress(b"{}") * 100_000)[:1000], 400),
        (gzip.compress(PROMPT)[:-9], 400),
        (gzip.compress(PROMPT) + b"more", 400),
        (b"\x1f\x8bnonsense", 400),
    ],
    ids=["a bomb", "cut in the middle", "cut at the end", "nonsense behind it", "nonsense"],
)
async def test_a_compressed_body_is_bounded_and_must_be_whole(
    client: httpx.AsyncClient, content: bytes, status: int
) -> None:
    response = await client.post("/tokenize", content=content, headers={**JSON, "content-encoding": "gzip"})

    assert response.status_code == status


async def test_what_could_be_sent_instead_is_told(client: httpx.AsyncClient) -> None:
    coded = await client.post("/tokenize", content=PROMPT, headers={**JSON, "content-encoding": "zstd"})
    kind = await client.post("/tokenize", content=PROMPT, headers={"content-type": "text/plain"})

    assert (coded.status_code, coded.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert (kind.status_code, kind.headers["accept"]) == (415, "application/json")
    assert "text/plain" in kind.json()["error"]["message"]


# Names of requests.


async def test_an_answer_is_named_after_its_job(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    async with begun(client, worker, "a") as (sse, hand):
        assert sse.response.headers["x-request-id"] == hand.held.job
        await worker.end(hand)


async def test_a_clients_own_name_stands_in_the_log(ingress: Serving, worker: FakeWorker) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        headers = {"x-request-id": "my name" + "x" * 200}
        async with begun(ingress.client, worker, "a", headers=headers) as (_, hand):
            pass
        async with asyncio.timeout(1.0):
            await worker.controls()
    (gone,) = [line for line in lines if line["event"] == "client.gone"]

    assert gone["job"] == hand.held.job
    assert gone["client_request_id"] == "myname" + "x" * 122
