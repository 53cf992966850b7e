"""The floor of taking jobs from Python: uvicorn, one JSON document per job, one XADD for it; nothing else.

`POST /` takes one document and answers its entry's id. `POST /bulk` takes lines, a pipeline per hundred, and answers a
line for each.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from redis.asyncio import Redis

from tests.harness.processes import end, free_port, launch
from tests.harness.readiness import answers_ok

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_LINES_PER_PIPELINE = 100
_STREAM = "jobs"


class Intake:
    """The ASGI application."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":
            answer = b"{}"
        elif scope["path"] == "/bulk":
            answer = b"".join([line async for line in self._many(receive)])
        else:
            answer = _encoded(await self._one(b"".join([part async for part in _parts(receive)])))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _one(self, raw: bytes) -> bytes:
        msgspec.json.decode(raw)
        entry: bytes = await self._redis.xadd(_STREAM, {"body": raw})
        return entry

    async def _many(self, receive: Receive) -> AsyncIterator[bytes]:
        batch: list[bytes] = []
        begun = b""
        async for part in _parts(receive):
            *lines, begun = (begun + part).split(b"\n")
            for line in lines:
                msgspec.json.decode(line)
                batch.append(line)
                if len(batch) == _LINES_PER_PIPELINE:
                    yield await self._pipelined(batch)
                    batch = []
        if batch:
            yield await self._pipelined(batch)

    async def _pipelined(self, batch: Sequence[bytes]) -> bytes:
        pipe = self._redis.pipeline(transaction=False)
        for line in batch:
            pipe.xadd(_STREAM, {"body": line})
        return b"".join(_encoded(entry) + b"\n" for entry in await pipe.execute())


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message: Any = await receive()
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


def _encoded(entry: bytes) -> bytes:
    return msgspec.json.encode({"id": entry.decode()})


@contextlib.contextmanager
def bare_intake(redis_port: int) -> Iterator[int]:
    """The server as a process of its own: where it listens."""
    port = free_port()
    command = [sys.executable, "-m", "bench.harness.bare_intake", str(port), str(redis_port)]
    process = launch(command, os.environ, Path(os.devnull))
    try:
        while not answers_ok(f"http://127.0.0.1:{port}/"):
            if process.poll() is not None:
                raise RuntimeError(f"the bare server ended with status {process.returncode}")
        yield port
    finally:
        end(process)


if __name__ == "__main__":
    app = Intake(Redis(port=int(sys.argv[2])))
    uvicorn.run(app, port=int(sys.argv[1]), http="httptools", loop="uvloop", lifespan="off", log_level="warning")
