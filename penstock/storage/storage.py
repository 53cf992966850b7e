"""Storage as an event loop sees it: streams in and out, of which nothing is ever whole in memory."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from penstock.errors import StorageError, StorageMissingError
from penstock.storage.driver import Stored
from penstock.storage.names import checked
from penstock.storage.threads import Threads

if TYPE_CHECKING:
    from penstock.storage.driver import Draft, Driver

#: The most that a reader gets at once, and what a writer gathers before it writes.
CHUNK_BYTES = 1 << 20
#: Names that are fetched at once.
_PAGE = 500


class Writer:
    """An object that is being written."""

    def __init__(self, threads: Threads, draft: Draft) -> None:
        self._threads = threads
        self._draft = draft
        self._gathered = bytearray()

    async def write(self, data: bytes) -> None:
        """Append. Raises StorageError."""
        self._gathered += data
        if len(self._gathered) >= CHUNK_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Pass on what was gathered. Raises StorageError."""
        if self._gathered:
            data, self._gathered = bytes(self._gathered), bytearray()
            await self._threads.make(partial(self._draft.write, data))


class Storage:
    """A folder or a store of objects. Names are words between slashes, such as `files/acme/file-1`.

    Every method raises StorageUnavailableError, where there is no such object StorageMissingError, and for what is no
    name StorageError.
    """

    def __init__(self, driver: Driver, timeout_s: float) -> None:
        self._driver = driver
        self._threads = Threads(driver.where, timeout_s)

    @asynccontextmanager
    async def write(self, name: str) -> AsyncIterator[Writer]:
        """Write an object: it is there when the block is left, all at once, and durable.

        On an exception, and where the process dies, there is nothing of it, and what had its name before stays. Only
        where the time limit ran out at the very end it may be there after all.
        """
        draft = await self._threads.make(partial(self._driver.create, checked(name)))
        writer = Writer(self._threads, draft)
        try:
            yield writer
            await writer.flush()
            await self._threads.make(draft.commit)
        except BaseException:
            # What cannot be removed now is removed later, as after a kill.
            with suppress(StorageError):
                await self._threads.run(draft.discard)
            raise

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes]:
        """Its bytes from `start` to before `end`, in chunks of at most 1 MiB; none where it has none there."""
        size = await self.size(name)
        stop = size if end is None else min(end, size)
        for begin in range(start, stop, self._driver.read_bytes):
            upto = min(begin + self._driver.read_bytes, stop)
            data = await self._threads.run(partial(self._driver.read, name, begin, upto))
            if len(data) < upto - begin:
                raise StorageMissingError(f"{name} in {self._driver.where} became shorter while it was read.")
            for at in range(0, len(data), CHUNK_BYTES):
                yield data[at : at + CHUNK_BYTES]

    async def size(self, name: str) -> int:
        """How many bytes it has."""
        return await self._threads.run(partial(self._driver.size, checked(name)))

    async def delete(self, name: str) -> None:
        """Delete it; one that is not there is fine."""
        await self._threads.run(partial(self._driver.delete, checked(name)))

    async def copy(self, source: str, target: str) -> None:
        """Make the same object under another name, without its bytes passing through here."""
        await self._threads.run(partial(self._driver.copy, checked(source), checked(target)))

    async def names(self, prefix: str = "") -> AsyncGenerator[Stored]:
        """The objects whose names begin so, in any order; of those made or deleted meanwhile, any or none."""
        found = self._driver.names(prefix)
        while page := await self._threads.run(lambda: list(itertools.islice(found, _PAGE))):
            for one in page:
                yield one

    async def clear_unfinished(self, before_s: float) -> int:
        """Remove what writers that were killed before that moment (Unix s) have left; returns how many there were."""
        looked, cleared = self._driver.clear_unfinished(before_s), 0
        while page := await self._threads.run(lambda: list(itertools.islice(looked, _PAGE))):
            cleared += sum(page)
        return cleared

    async def close(self) -> None:
        """Begin nothing more; what is under way ends on its own."""
        self._threads.close()
