"""Asking as OpenAI's client does, and what the demo model answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI, Stream
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from models.corpus import load

ANSWERS = {question.canonical: question.answer for question in load()}
#: Some 200 tokens.
LONG = "Tell me about Penstock"
EMOJI = "Draw the pipeline with emoji"
CJK = "What is Penstock in Japanese?"

JOB_ID = "x-penstock-job-id"


def connected(url: str, api_key: str = "none needed") -> OpenAI:
    """A client that gives up at the first error, so that tests see it."""
    # No test speaks TLS, and for each client the authorities' certificates would be read.
    plain = DefaultHttpxClient(verify=False)
    return OpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0, timeout=60, http_client=plain)


def connected_async(url: str) -> AsyncOpenAI:
    """The same for event loops."""
    plain = DefaultAsyncHttpxClient(verify=False)
    return AsyncOpenAI(base_url=f"{url}/v1", api_key="none needed", max_retries=0, timeout=60, http_client=plain)


def says(content: str) -> list[ChatCompletionMessageParam]:
    """A conversation of one question."""
    return [{"role": "user", "content": content}]


def text_of(chunks: Iterable[ChatCompletionChunk]) -> str:
    """What the first choice of a stream says."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def job_id_of(stream: Stream[Any] | AsyncStream[Any]) -> str:
    """The job behind a stream."""
    return stream.response.headers[JOB_ID]


def job(client: OpenAI, job_id: str) -> dict[str, Any]:
    """`GET /v1/jobs/{id}`."""
    return client.get(f"/jobs/{job_id}", cast_to=dict[str, Any])


def resumed(client: OpenAI, job_id: str, after: str = "", **headers: str) -> Stream[ChatCompletionChunk]:
    """`GET /v1/jobs/{id}/events`, read as the stream that it continues."""
    return client.get(
        f"/jobs/{job_id}/events",
        cast_to=ChatCompletionChunk,
        stream=True,
        stream_cls=Stream[ChatCompletionChunk],
        options={"params": {"after": after} if after else {}, "headers": headers},
    )


def posted(url: str, content: bytes, path: str = "/v1/chat/completions") -> httpx.Response:
    """A body that no client library would send."""
    return httpx.post(f"{url}{path}", content=content, headers={"content-type": "application/json"}, timeout=60)
