"""Blocking calls on threads of their own: a store that hangs holds up nobody who needs the default ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from penstock.errors import StorageMissingError, StorageUnavailableError
from penstock.storage.trouble import storage_error, too_slow

T = TypeVar("T")

#: Calls that are made side by side.
_MOST = 16


class Threads:
    """Calls of one storage, each within a time limit that includes its wait for a thread."""

    def __init__(self, where: str, timeout_s: float) -> None:
        self._where = where
        self._timeout_s = timeout_s
        self._executor = ThreadPoolExecutor(_MOST, thread_name_prefix="storage")

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns. Raises StorageError.

        A call that has begun goes on when nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                return await loop.run_in_executor(self._executor, call)
        except Exception as error:
            if limit.expired():
                raise too_slow(self._where, self._timeout_s) from None
            raise storage_error(error, self._where) from error

    async def make(self, call: Callable[[], T]) -> T:
        """The same for what makes an object: if something is not there, it is the place for it."""
        try:
            return await self.run(call)
        except StorageMissingError as error:
            raise StorageUnavailableError(f"{self._where} is not there.") from error

    def close(self) -> None:
        """Begin no more calls; returns at once."""
        self._executor.shutdown(wait=False, cancel_futures=True)
