"""A process that uses a storage: `python -m tests.harness.storing WORK SETTINGS`, to be killed or put under limits.

It writes what came of it as one line.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable

from penstock.errors import StorageError
from penstock.settings import StorageSettings
from penstock.storage import Storage, open_storage
from penstock.storage.remote import Remote

CHUNK = bytes(1 << 20)
NOBODY = 65_534
BY_LIBRARY = "TEST_STORAGE_BY_LIBRARY"


def opened(settings: StorageSettings) -> Storage:
    """As a process opens it; with BY_LIBRARY in the environment even a folder is fsspec's to reach."""
    if BY_LIBRARY in os.environ:
        return Storage(Remote(settings.url, settings.options, settings.timeout_s), settings.timeout_s)
    return open_storage(settings)


async def hang(storage: Storage) -> str:
    """Write some of an object, and wait to be killed."""
    async with storage.write("files/acme/one") as writer:
        for _ in range(20):
            await writer.write(CHUNK)
        _say("writing")
        await asyncio.sleep(600)
    return "written"


async def fill(storage: Storage) -> str:
    """Write more than the kernel lets this process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
    return await _write(storage, 8)


async def try_as_nobody(storage: Storage) -> str:
    """Write as somebody who may not."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    return await _write(storage, 1)


async def measure(storage: Storage) -> str:
    """Pass 200 MB through; says how many bytes more this process then needed than for 20 MB."""
    await _pass_through(storage, 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await _pass_through(storage, 200)
    return str((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _write(storage: Storage, chunks: int) -> str:
    try:
        async with storage.write("files/acme/one") as writer:
            for _ in range(chunks):
                await writer.write(CHUNK)
    except StorageError as error:
        return type(error).__name__
    return "written"


async def _pass_through(storage: Storage, chunks: int) -> None:
    async with storage.write("files/acme/one") as writer:
        for _ in range(chunks):
            await writer.write(CHUNK)
    read = 0
    async for chunk in storage.read("files/acme/one"):
        read += len(chunk)
    assert read == chunks * len(CHUNK)


async def _main(work: Callable[[Storage], Awaitable[str]], settings: StorageSettings) -> None:
    storage = opened(settings)
    _say(await work(storage))
    await storage.close()


if __name__ == "__main__":
    works = {work.__name__: work for work in (hang, fill, try_as_nobody, measure)}
    asyncio.run(_main(works[sys.argv[1]], StorageSettings.model_validate_json(sys.argv[2])))
