"""Removes files whose time is over, and what uploads that nobody finished have left in storage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from background.storage_walk import Pages, StorageWalk
from background.unreadable import UnreadableTenants
from penstock.broker import files, observing
from penstock.errors import BrokerError, StorageError
from penstock.files.file import FOLDER, Part, upload_of
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.settings import FileSettings
    from penstock.storage import Storage

TASK = "file_sweep"
EVERY_S = 30
#: Expired files of one tenant in a pass; the next one goes on.
_MOST_EXPIRED = 100
#: Objects whose records are looked up in one round trip.
_PAGE = 100
#: A tenant without files for so long is looked after no more, until there is one.
_IDLE_MS = 3600 * 1000

_log = logs.get()


class FileSweep:
    """Looks through expired files in each pass, and through storage from time to time, as far as it gets."""

    def __init__(self, broker: Broker, storage: Storage, limits: FileSettings) -> None:
        self._broker = broker
        self._storage = storage
        self._grace_s = limits.orphan_grace_s
        self._unreadable = UnreadableTenants(events.FILES_UNREADABLE)
        self._walk = StorageWalk(storage, FOLDER, grace_s=limits.orphan_grace_s)

    async def once(self) -> None:
        """One pass; while Redis or the storage is away there is none. Who cannot be read holds up nobody else."""
        try:
            tenants, now_ms = await self._broker.ask_many([files.tenants(), observing.clock_ms()])
            for tenant in tenants:
                with self._unreadable.of(tenant):
                    await self._expire(tenant, now_ms)
            if self._walk.begins:
                await self._clear_unfinished()
            await self._walk.turn(Pages(_PAGE), self._remove_orphans)
        except BrokerError:
            return
        except StorageError as error:
            _log.warning(events.STORAGE_UNAVAILABLE, error=str(error))

    async def _expire(self, tenant: str, now_ms: int) -> None:
        """The record goes first: from then on nobody sees the file. What is left of it is found as an orphan."""
        for file_id in await self._broker.ask(files.expired(tenant, now_ms, _MOST_EXPIRED)):
            parts: Sequence[Part] | None = await self._broker.run(files.delete(tenant, file_id))
            for part in parts or ():
                with suppress(StorageError):
                    await self._storage.delete(part.name)
            metrics.FILES_SWEPT.labels("expired").inc()
        if not await self._broker.ask(files.count(tenant)):
            # By this machine's clock and by Redis': an hour apart they are not.
            await self._broker.run(files.forget_tenant(tenant, now_ms - _IDLE_MS))

    async def _clear_unfinished(self) -> None:
        cleared = await self._storage.clear_unfinished(time.time() - self._grace_s)
        metrics.FILES_SWEPT.labels("unfinished").inc(cleared)

    async def _remove_orphans(self, page: Sequence[str]) -> None:
        """Delete those of them that no record names."""
        uploads = [(name, upload) for name in page if (upload := upload_of(name))]
        if not uploads:
            return
        found = await self._broker.ask_many([files.file(upload.tenant, upload.id) for _, upload in uploads])
        for (name, _), file in zip(uploads, found, strict=True):
            if file is None or name not in {part.name for part in file.parts}:
                await self._storage.delete(name)
                metrics.FILES_SWEPT.labels("orphaned").inc()
