"""A load client that costs little: raw HTTP/1.1 over asyncio protocols, parsed only after the clock has stopped."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any, cast

_TOKEN = b'"content":"'
_DONE = b"data: [DONE]"


@dataclass(slots=True)
class Streamed:
    """One answered stream. Times are monotonic seconds; `arrivals` has one per read that held tokens."""

    sent_s: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    ended_s: float = 0.0

    @property
    def ttft_s(self) -> float:
        """From sending the request to the first token."""
        return self.arrivals[0] - self.sent_s

    @property
    def longest_stall_s(self) -> float:
        """The longest wait between two reads that held tokens."""
        times = self.arrivals
        return max((after - before for before, after in itertools.pairwise(times)), default=0.0)

    @property
    def body(self) -> bytes:
        """The response, head included and chunk framing removed where it matters to us."""
        return b"".join(self.raw)

    def events(self) -> list[dict[str, Any]]:
        """The JSON of every event but the last."""
        lines = _dechunked(self.body).split(b"\n")
        return [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]

    def text(self) -> str:
        """The answer of the first choice. Raises ValueError if the stream broke off or carried an error."""
        if _DONE not in self.body:
            raise ValueError(self.body[-400:])
        events = self.events()
        failed = next((event for event in events if "error" in event), None)
        if failed:
            raise ValueError(failed)
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


def _dechunked(response: bytes) -> bytes:
    head, _, rest = response.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return rest
    parts = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        rest = rest[length + 2 :]
    return b"".join(parts)


class _Reader(asyncio.Protocol):
    def __init__(self, request: bytes, done: asyncio.Future[Streamed]) -> None:
        self._request = request
        self._done = done
        self._streamed = Streamed()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._streamed.sent_s = time.monotonic()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        streamed = self._streamed
        streamed.raw.append(data)
        # The first event carries the role and no text; a real token has at least one character.
        if _TOKEN in data and data.count(_TOKEN) > data.count(_TOKEN + b'"'):
            streamed.arrivals.append(time.monotonic())
        if data.endswith(b"0\r\n\r\n") or (_DONE in data):
            streamed.ended_s = time.monotonic()
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._done.done():
            self._done.set_result(self._streamed)


async def stream(port: int, model: str, content: str, **options: Any) -> Streamed:
    """One chat completion, streamed on a connection of its own."""
    body = json.dumps(
        {"model": model, "stream": True, "messages": [{"role": "user", "content": content}], **options}
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    request = head.encode() + b"content-type: application/json\r\nconnection: close\r\n\r\n" + body
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Streamed] = loop.create_future()
    await loop.create_connection(lambda: _Reader(request, done), "127.0.0.1", port)
    return await done
