"""What a stream shows while there is nothing to show: its head after a while, and pings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from penstock.broker.tail import Cancel
from penstock.errors import RunTimeoutError
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, STREAM, Serving, begun, joined, streaming

SOON_S = 0.1
PING = b": ping\n"
ASKED: Any = {"model": "sim", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


@pytest.fixture
async def soon(serve: Serve) -> Serving:
    """An ingress that loses its patience early."""
    return await serve(stream_head_after_s=SOON_S, ping_s=SOON_S)


@pytest.fixture
async def openais(soon: Serving) -> AsyncIterator[AsyncOpenAI]:
    url = f"http://127.0.0.1:{soon.port}/v1"
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=20) as it:
        yield it


async def test_a_stream_that_waits_sends_its_head_and_pings(soon: Serving, worker: FakeWorker) -> None:
    async with soon.client.stream("POST", "/v1/chat/completions", json=STREAM) as response:
        raw, seen = response.aiter_raw(), b""
        while seen.count(PING) < 3:
            seen += await anext(raw)
        hand = await worker.take()
        await worker.say(hand, "a")
        await worker.end(hand, "b")
        rest = b"".join([part async for part in raw])

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-penstock-job-id"] == hand.held.job
    assert seen.replace(PING, b"") == b""
    assert rest.replace(PING, b"").startswith(b"data: {")
    assert rest.endswith(b"data: [DONE]\n\n")
    assert b": ping\n\n" not in seen + rest


async def test_a_silent_stream_pings_between_its_tokens(soon: Serving, worker: FakeWorker) -> None:
    async with soon.client.stream("POST", "/v1/chat/completions", json=STREAM) as response:
        raw, seen = response.aiter_raw(), b""
        hand = await worker.take()
        for piece in ("a", "b"):
            await worker.say(hand, piece)
            while not (seen.partition(b'"content":"%b"' % piece.encode())[2].count(PING)) > 1:
                seen += await anext(raw)
        await worker.end(hand)
        seen += b"".join([part async for part in raw])

    assert b": ping\n\n" not in seen
    assert seen.endswith(b"data: [DONE]\n\n")


async def test_a_failure_after_the_head_is_an_error_event(soon: Serving, worker: FakeWorker) -> None:
    async with streaming(soon.client) as sse:
        await worker.fail(await worker.take(), RunTimeoutError, "Too long.")
        events = await sse.rest()

    assert sse.response.status_code == 200
    assert events[-1][1]["error"]["code"] == "run_timeout"
    assert joined(events[:-1]) == ""


async def test_a_failure_before_the_head_is_a_plain_error(serve: Serve, worker: FakeWorker) -> None:
    it = await serve(stream_head_after_s=30.0, ping_s=0.05)
    sending = asyncio.create_task(it.client.post("/v1/chat/completions", json=STREAM))
    await worker.fail(await worker.take(), RunTimeoutError, "Too long.")

    assert (await sending).status_code == 504


async def test_a_whole_answer_waits_for_its_status(soon: Serving, worker: FakeWorker) -> None:
    sending = asyncio.create_task(soon.client.post("/v1/chat/completions", json=CHAT))
    hand = await worker.take()
    await asyncio.sleep(4 * SOON_S)
    await worker.fail(hand, RunTimeoutError, "Too long.")

    assert (await sending).status_code == 504


async def test_a_client_that_leaves_while_it_is_pinged_cancels_its_job(soon: Serving, worker: FakeWorker) -> None:
    async with streaming(soon.client):
        hand = await worker.take()
    async with asyncio.timeout(1.0):
        assert await worker.controls() == [Cancel(hand.held.job, hand.held.fence)]


async def test_openais_client_reads_past_the_pings(openais: AsyncOpenAI, worker: FakeWorker) -> None:
    stream = await openais.chat.completions.create(**ASKED)
    hand = await worker.take()
    await worker.say(hand, "a")
    await asyncio.sleep(3 * SOON_S)
    await worker.end(hand, "b")
    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "ab"


async def test_openais_client_reads_past_the_pings_among_numbered_events(
    soon: Serving, openais: AsyncOpenAI, worker: FakeWorker
) -> None:
    async with begun(soon.client, worker, "a") as (_, hand):
        stream = await openais.get(
            f"/jobs/{hand.held.job}/events",
            cast_to=openai.types.chat.ChatCompletionChunk,
            stream=True,
            stream_cls=openai.AsyncStream[openai.types.chat.ChatCompletionChunk],
        )
        await worker.answer_attach(hand)
        await asyncio.sleep(3 * SOON_S)
        await worker.end(hand, "b")
        chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "ab"


async def test_openais_client_raises_what_comes_as_an_event(openais: AsyncOpenAI, worker: FakeWorker) -> None:
    stream = await openais.chat.completions.create(**ASKED)
    await worker.fail(await worker.take(), RunTimeoutError, "Too long.")

    with pytest.raises(openai.APIError, match="Too long"):
        [chunk async for chunk in stream]
