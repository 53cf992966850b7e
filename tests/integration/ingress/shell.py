"""Commands as a shell runs them against an ingress in the test's own process, and a line to it that can be cut."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.eventual import until
from tests.integration.ingress.fake_worker import FakeWorker, Hand

#: Whoever runs the tests in the background has Ctrl-C ignored.
PENSTOCK = ["env", "--default-signal=INT", sys.executable, "-m", "penstock.cli"]
NAMES = ("PENSTOCK_URL", "PENSTOCK_API_KEY")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


async def begun(port: int, *words: str, **variables: str) -> asyncio.subprocess.Process:
    environ = {name: value for name, value in os.environ.items() if name not in NAMES}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *PENSTOCK,
        *words,
        env={**environ, "PENSTOCK_URL": f"http://127.0.0.1:{port}", **variables},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )


async def ended(process: asyncio.subprocess.Process, typed: str = "") -> Done:
    out, err = await process.communicate(typed.encode() or None)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def run(port: int, *words: str, typed: str = "", **variables: str) -> Done:
    return await ended(await begun(port, *words, **variables), typed)


async def on_terminal(port: int, *words: str) -> str:
    """What a command that succeeds writes on a terminal of 80 columns; less than one holds back."""
    leader, follower = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *PENSTOCK,
            *words,
            *("--url", f"http://127.0.0.1:{port}"),
            stdout=follower,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
        )
        assert await process.wait() == 0
        return os.read(leader, 1 << 16).decode()
    finally:
        os.close(follower)
        os.close(leader)


async def shown(process: asyncio.subprocess.Process, text: str) -> None:
    """Wait until a command has written this."""
    assert process.stdout is not None
    assert (await process.stdout.readexactly(len(text.encode()))).decode() == text


async def taken(worker: FakeWorker) -> Hand:
    """The job that waits, once its events are read."""

    async def is_read() -> bool:
        ids = [job_id for _, _, job_id in await worker.waiting()]
        return bool(ids) and bool(await worker.redis.hget(worker.keys.job(ids[0]), "listeners"))

    await until(is_read)
    return await worker.take()


@dataclass
class Line:
    """A way to an ingress that can be cut."""

    port: int
    heads: list[bytes]
    _writers: set[asyncio.StreamWriter]

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """Passes on all that comes, and keeps what each connection sent first."""
    line = Line(0, [], set())

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line.heads.append(head)
        there, onward = await asyncio.open_connection("127.0.0.1", port)
        line._writers |= {writer, onward}
        onward.write(head)
        await asyncio.gather(passed(reader, onward), passed(there, writer), return_exceptions=True)
        for one in (writer, onward):
            line._writers.discard(one)
            one.transport.abort()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        line.port = server.sockets[0].getsockname()[1]
        yield line
        line.cut()
