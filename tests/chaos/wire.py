"""The HTTP client of the chaos run: one request at a time, every trouble an exception of one kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

JOB_HEADER = "x-penstock-job-id"
#: A healthy stack is silent for less: lease, takeover and the ingress' own questions included.
_READ_S = 10.0
_TIMEOUT = httpx.Timeout(_READ_S, connect=2.0)


class LostError(Exception):
    """No answer, or no end of it: nobody knows what became of the request."""


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: dict[str, Any], job: str | None) -> None:
        super().__init__(f"{status}: {error.get('message')}")
        self.status = status
        self.error = error
        self.job = job


@dataclass(frozen=True)
class Event:
    """A server-sent event: its id, if it has one, and its JSON; None is the end of the stream."""

    id: str
    chunk: dict[str, Any] | None


@dataclass(frozen=True)
class Answer:
    """A response under way."""

    response: httpx.Response

    @property
    def job(self) -> str:
        """The job that answers."""
        return self.response.headers[JOB_HEADER]

    async def json(self) -> dict[str, Any]:
        """The whole body. Raises LostError."""
        try:
            whole: dict[str, Any] = json.loads(await self.response.aread())
        except (httpx.TransportError, ValueError) as error:
            raise LostError(repr(error)) from error
        return whole

    async def events(self) -> AsyncIterator[Event]:
        """Each event, the last with None. Raises LostError where that does not come."""
        id_ = ""
        try:
            async for line in self.response.aiter_lines():
                if line.startswith("id: "):
                    id_ = line.removeprefix("id: ")
                elif line == "data: [DONE]":
                    yield Event("", None)
                    return
                elif line.startswith("data: "):
                    yield Event(id_, json.loads(line.removeprefix("data: ")))
        except httpx.TransportError as error:
            raise LostError(repr(error)) from error
        raise LostError("the stream ended early")


class Wire:
    """Requests to whichever ingress is named."""

    def __init__(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False)

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def ask(self, method: str, url: str, **options: Any) -> AsyncIterator[Answer]:
        """An answer, closed in the end, read or not. Raises LostError, RefusedError."""
        request = self._client.build_request(method, url, **options)
        try:
            response = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise LostError(repr(error)) from error
        try:
            if response.is_error:
                raise await _refusal(response)
            yield Answer(response)
        finally:
            await response.aclose()


async def _refusal(response: httpx.Response) -> Exception:
    try:
        error = json.loads(await response.aread())["error"]
    except (httpx.TransportError, ValueError) as trouble:
        return LostError(repr(trouble))
    return RefusedError(response.status_code, error, response.headers.get(JOB_HEADER))


def text_of(chunk: dict[str, Any]) -> str:
    """The text of a chunk, or of a whole answer."""
    return "".join(_content(choice) for choice in chunk["choices"])


def _content(choice: dict[str, Any]) -> str:
    if "text" in choice:
        return choice["text"] or ""
    return (choice.get("delta") or choice.get("message") or {}).get("content") or ""
