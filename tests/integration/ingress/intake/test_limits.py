"""What clients may not do, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun, joined

CHAT_PATH = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
ERROR_KEYS = {"message", "type", "param", "code"}


def error_of(response: httpx.Response, status: int) -> dict[str, str]:
    assert response.status_code == status
    (error,) = response.json().values()
    assert set(error) == ERROR_KEYS
    return dict(error)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[1]", None),
        (b"null", None),
        (b'{"model":"sim"}', "messages"),
        (b'{"model":1,"messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"sim","messages":"x"}', "messages"),
        (b'{"model":"sim","messages":[{"role":"user","content":"\xff"}]}', None),
        (b'{"model":"sim","ignored":"\xff","messages":[{"role":"user","content":"x"}]}', None),
        (b'{"model":"sim","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
        (json.dumps({**CHAT, "temperature": -1}).encode(), "temperature"),
        (json.dumps({**CHAT, "max_tokens": 0}).encode(), "max_tokens"),
        (json.dumps({**CHAT, "n": 1000}).encode(), "n"),
        (json.dumps({**CHAT, "stop": ["x"] * 5000}).encode(), "stop"),
        (json.dumps({**CHAT, "messages": [{"role": "user"}] * 200_000}).encode(), None),
        (json.dumps({**CHAT, "messages": CHAT["messages"] * 5000}).encode(), "messages"),
    ],
)
async def test_a_wrong_body_is_a_400_that_names_the_field(
    client: httpx.AsyncClient, body: bytes, param: str | None
) -> None:
    error = error_of(await client.post(CHAT_PATH, content=body, headers=JSON), 400)

    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


async def test_an_unknown_model_is_a_404(client: httpx.AsyncClient) -> None:
    error = error_of(await client.post(CHAT_PATH, json={**CHAT, "model": "gpt-5"}), 404)

    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert error["message"] == "The model 'gpt-5' is not served here; there is sim."


async def test_an_unknown_route_and_a_wrong_method_are_told_in_the_same_form(client: httpx.AsyncClient) -> None:
    assert error_of(await client.get("/v2/nothing"), 404)["code"] == "not_found"
    response = await client.get(CHAT_PATH)
    error = error_of(response, 405)
    assert (error["code"], error["message"]) == ("method_not_allowed", f"GET is not for {CHAT_PATH}; it takes POST.")
    assert response.headers["allow"] == "POST"


async def test_a_body_that_says_it_is_too_large_is_refused_at_once(client: httpx.AsyncClient) -> None:
    error = error_of(await client.post(CHAT_PATH, content=b"x" * (10 << 20), headers=JSON), 413)

    assert error["code"] == "request_too_large"


async def test_a_body_that_turns_out_too_large_is_refused(serve: Serve) -> None:
    client = (await serve(max_body_bytes=1000)).client

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    error_of(await client.post(CHAT_PATH, content=parts(), headers=JSON), 413)
    assert (await client.get("/health")).status_code == 200


async def test_a_client_that_never_ends_a_refused_body_is_cut_off(serve: Serve) -> None:
    serving = await serve(max_body_bytes=1000)
    reader, writer = await serving.raw()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n"
        % CHAT_PATH.encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.write(b"x" * 10_000)
    with contextlib.suppress(ConnectionError):
        await reader.read()
    await until(lambda: is_closed(serving))
    writer.close()


async def test_a_slow_body_is_a_408(serve: Serve) -> None:
    serving = await serve(body_timeout_s=0.1)
    reader, writer = await serving.raw()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\nabc"
        % CHAT_PATH.encode()
    )
    reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in reply
    writer.close()


async def test_slow_headers_are_a_408(serve: Serve) -> None:
    serving = await serve(header_timeout_s=0.1)
    reader, writer = await serving.raw()
    writer.write(b"POST / HTTP/1.1\r\nhost: localhost\r\n")
    reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_connection_that_never_asks_anything_is_closed(serve: Serve) -> None:
    serving = await serve(header_timeout_s=0.1)
    reader, writer = await serving.raw()

    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nx: " + b"y" * 5000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nx: " + b"y" * 5000,
        b"GET /health HTTP/1.1\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"GET /" + b"y" * 5000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
)
async def test_large_headers_are_a_431(serve: Serve, head: bytes) -> None:
    serving = await serve(max_header_bytes=1000)
    reader, writer = await serving.raw()
    writer.write(head)
    reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 431")
    assert b"request_headers_too_large" in reply
    writer.close()


async def test_many_requests_on_one_connection_are_not_large_headers(serve: Serve) -> None:
    serving = await serve(max_header_bytes=1000)
    reader, writer = await serving.raw()
    for _ in range(20):
        for part in (
            b"GET /health HTTP/1.1\r\nhost: localhost\r\n",
            b"x: " + b"y" * 300 + b"\r\n",
            b"z: " + b"y" * 300 + b"\r\n\r\n",
        ):
            writer.write(part)
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"}")
    writer.close()


async def test_what_is_no_http_is_a_400(ingress: Serving) -> None:
    reader, writer = await ingress.raw()
    writer.write(b"\x00\x01nonsense\r\n\r\n")
    reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 400")
    assert set(json.loads(reply.partition(b"\r\n\r\n")[2])["error"]) == ERROR_KEYS
    writer.close()


async def test_a_full_lane_is_a_429_that_leaves_nothing_behind(serve: Serve, worker: FakeWorker) -> None:
    client = (await serve(pool={"lane_max_jobs": 1, "queue_timeout_s": 30.0})).client
    first = asyncio.create_task(client.post(CHAT_PATH, json=CHAT))
    hand = await worker.take()
    second = asyncio.create_task(client.post(CHAT_PATH, json=CHAT))
    while not await worker.has_waiting():
        await asyncio.sleep(0.01)
    keys = await worker.redis.dbsize()
    response = await client.post(CHAT_PATH, json=CHAT)

    assert error_of(response, 429)["code"] == "rate_limit_exceeded"
    assert response.headers["retry-after"] == "30"
    assert response.headers["x-should-retry"] == "true"
    assert response.headers["x-ratelimit-limit-requests"] == "1"
    assert response.headers["x-ratelimit-remaining-requests"] == "0"
    assert response.headers["x-ratelimit-reset-requests"] == "30s"
    assert "x-penstock-job-id" not in response.headers
    assert await worker.redis.dbsize() == keys
    await worker.end(hand)
    await worker.end(await worker.take())
    assert [(await one).status_code for one in (first, second)] == [200, 200]


async def test_a_lane_is_bounded_in_bytes_too(serve: Serve) -> None:
    client = (await serve(pool={"lane_max_bytes": 10})).client

    assert "bytes" in error_of(await client.post(CHAT_PATH, json=CHAT), 429)["message"]


async def test_an_idempotency_key_has_a_length(client: httpx.AsyncClient) -> None:
    error_of(await client.post(CHAT_PATH, json=CHAT, headers={"idempotency-key": "x" * 256}), 400)


async def test_a_slow_reader_is_cut_off_and_its_job_goes_on(serve: Serve, worker: FakeWorker) -> None:
    serving = await serve(stream_buffer_bytes=20_000)
    body = json.dumps(STREAM).encode()
    _, writer = await serving.raw()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (CHAT_PATH.encode(), len(body), body)
    )
    hand = await worker.take()
    while list(serving.context.relay):
        await worker.say(hand, *["x" * 2000] * 50)
        await asyncio.sleep(0)
    await worker.end(hand)
    writer.close()

    job = (await serving.client.get(f"/v1/jobs/{hand.held.job}")).json()
    assert (job["state"], job["cancel_requested"]) == ("completed", False)
    assert job["usage"]["completion_tokens"] == len(hand.generated.tokens)


async def test_a_long_finished_job_can_be_read_slowly(serve: Serve, worker: FakeWorker) -> None:
    serving = await serve(stream_buffer_bytes=1000)
    async with begun(serving.client, worker, "a", headers={"x-penstock-keep": "true"}) as (_, hand):
        pass
    await worker.end(hand, *["x" * 100] * 20_000)
    reader, writer = await serving.raw()
    writer.write(b"GET /v1/jobs/%b/events HTTP/1.1\r\nhost: localhost\r\n\r\n" % hand.held.job.encode())
    size = 0
    while not (part := await reader.read(50_000)).endswith(b"0\r\n\r\n"):
        size += len(part)
        await asyncio.sleep(0)
    writer.close()

    assert size > 20_000 * 100


async def is_closed(serving: Serving) -> bool:
    return not serving.server.server_state.connections


async def test_pipelined_requests_are_answered_in_order(ingress: Serving, worker: FakeWorker) -> None:
    body = json.dumps(STREAM).encode()
    reader, writer = await ingress.raw()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" % (CHAT_PATH.encode(), len(body), body)
    )
    hand = await worker.take()
    await worker.say(hand, "a")
    await worker.end(hand, "b")
    stream = await reader.readuntil(b"0\r\n\r\n")
    assert b'"content":"b"' in stream
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_stream_after_a_refused_request_on_the_same_connection(ingress: Serving, worker: FakeWorker) -> None:
    error_of(await ingress.client.post(CHAT_PATH, content=b"{", headers=JSON), 400)
    async with begun(ingress.client, worker, "a") as (sse, hand):
        await worker.end(hand, "b")
        assert joined(await sse.rest()) == "b"
