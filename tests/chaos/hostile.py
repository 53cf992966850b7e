"""Clients that mean no good: what they send is refused or served, and hurts nobody else."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

#: In every prompt of theirs, if it comes to a job.
MARK = b"hostile;"
#: From one to the next.
_GAP_S = (0.1, 0.6)
#: For whoever waits for an answer.
_ANSWER_S = 10.0
_FLOOD_BYTES = 2 << 20
_CHUNK_BYTES = 1 << 16
_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Attack:
    """Bytes to send, in order; the server may close while they come."""

    name: str
    parts: Sequence[bytes]
    #: It may be served too, if it is not refused.
    may_be_served: bool = False
    #: Nobody waits for an answer.
    hangs_up: bool = False


def _post(body: bytes, *, length: int | None = None) -> bytes:
    head = f"POST {_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def _asking(model: str, content: str = MARK.decode(), **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **fields}).encode()


def _grammar(depth: int) -> dict[str, Any]:
    """A schema that doubles with each step down."""
    if depth == 0:
        return {"type": "string"}
    return {"oneOf": [{"type": "object", "properties": {name: _grammar(depth - 1)}} for name in ("a", "b")]}


def _half(model: str) -> Attack:
    return Attack("broken json", [_post(_asking(model)[:-10])])


def _nested(_: str) -> Attack:
    return Attack("nested", [_post(b"[" * 100_000)])


def _counts(model: str) -> Attack:
    return Attack("huge counts", [_post(_asking(model, n=10**9, max_tokens=10**18, top_logprobs=10**9))])


def _unknown(_: str) -> Attack:
    return Attack("unknown model", [_post(_asking("no-such-model"))])


def _hollow(model: str) -> Attack:
    body = {"model": model, "messages": [{"role": "user"}] * 20_000}
    return Attack("hollow messages", [_post(json.dumps(body).encode())])


def _bomb(model: str) -> Attack:
    schema = {"type": "json_schema", "json_schema": {"name": "bomb", "schema": _grammar(10)}}
    return Attack("grammar bomb", [_post(_asking(model, response_format=schema, max_tokens=5))], may_be_served=True)


def _hang_up(model: str) -> Attack:
    return Attack("early hang-up", [_post(_asking(model, stream=True))], hangs_up=True)


def _abort(model: str) -> Attack:
    return Attack("aborted upload", [_post(_asking(model), length=1 << 20)], hangs_up=True)


def _trailers(model: str) -> Attack:
    head = f"POST {_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    body = _asking(model, max_tokens=1)
    start = head.encode() + b"%x\r\n%s\r\n0\r\nA: " % (len(body), body)
    return Attack("endless trailer", [start, *[b"a" * _CHUNK_BYTES] * (_FLOOD_BYTES // _CHUNK_BYTES)])


def _head(_: str) -> Attack:
    start = b"GET /health HTTP/1.1\r\nhost: x\r\nA: "
    return Attack("endless head", [start, *[b"a" * _CHUNK_BYTES] * (_FLOOD_BYTES // _CHUNK_BYTES)])


ATTACKS: tuple[Callable[[str], Attack], ...] = (
    *(_half, _nested, _counts, _unknown, _hollow, _bomb, _hang_up, _abort, _trailers, _head),
)


@dataclass
class Mob:
    """One hostile client after the other."""

    random: Random
    urls: Sequence[str]
    models: Sequence[str]
    counts: Counter[str] = field(default_factory=Counter)
    #: What was answered that must not be.
    successes: list[str] = field(default_factory=list)

    async def keep_coming(self) -> None:
        """Until cancelled."""
        while True:
            attack = self.random.choice(ATTACKS)(self.random.choice(self.models))
            self.counts[attack.name] += 1
            status = await self._status(attack)
            if not _is_harmless(attack, status):
                self.successes.append(f"{attack.name}: {status or 'all of it was taken'}")
            await asyncio.sleep(self.random.uniform(*_GAP_S))

    async def _status(self, attack: Attack) -> int | None:
        """The answer's status; 0 where the connection ended without one, None where everything was taken in silence."""
        address = urlsplit(self.random.choice(self.urls))
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return 0
        try:
            for part in attack.parts:
                writer.write(part)
                await writer.drain()
            if attack.hangs_up:
                return 0
            async with asyncio.timeout(_ANSWER_S):
                line = await reader.readline()
        except OSError:
            return 0
        except TimeoutError:
            return None
        finally:
            writer.transport.abort()
        return int(line.split()[1]) if line else 0


def _is_harmless(attack: Attack, status: int | None) -> bool:
    if status is None:
        return False
    return status in (0, 503) or 400 <= status < 500 or (status == 200 and attack.may_be_served)
