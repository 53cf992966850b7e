"""Removes what is in storage of batches that nobody remembers: their files are deleted, or their records were lost."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import TYPE_CHECKING

from penstock.batches.batch import pool_of_batch
from penstock.batches.part import FOLDER, Kind, batch_of, file_id
from penstock.broker import batches, files
from penstock.errors import BrokerError, StorageError
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.storage import Storage

TASK = "batch_sweep"
EVERY_S = 30
#: How long one pass looks through storage before the next one goes on, and how often it begins anew.
_LOOK_S = 5.0
_ANEW_S = 3600.0
#: Objects of one batch that are looked at together.
_PAGE = 1000

_log = logs.get()


class BatchSweep:
    """Looks through the folders of all batches from time to time, as far as it gets."""

    def __init__(self, broker: Broker, storage: Storage, pools: Collection[str], grace_s: float) -> None:
        self._broker = broker
        self._storage = storage
        self._pools = pools
        self._grace_s = grace_s
        self._pages: AsyncGenerator[tuple[str, Sequence[str]]] | None = None
        self._look_anew_s = 0.0

    async def once(self) -> None:
        """One pass; while Redis or the storage is away there is none."""
        if self._pages is None:
            if time.monotonic() < self._look_anew_s:
                return
            self._look_anew_s = time.monotonic() + min(_ANEW_S, self._grace_s)
            self._pages = self._old_objects(time.time() - self._grace_s)
        pages, self._pages = self._pages, None
        until_s = time.monotonic() + _LOOK_S
        try:
            async for batch_id, names in pages:
                await self._look(batch_id, names)
                if time.monotonic() > until_s:
                    self._pages = pages
                    return
        except BrokerError:
            self._look_anew_s = 0.0
        except StorageError as error:
            self._look_anew_s = 0.0
            _log.warning(events.STORAGE_UNAVAILABLE, error=str(error))

    async def _old_objects(self, before_s: float) -> AsyncGenerator[tuple[str, Sequence[str]]]:
        """Objects that have been there for a while, those of one batch together, as storage tells of them."""
        batch_id, page = "", list[str]()
        async for one in self._storage.names(FOLDER):
            if page and (batch_of(one.name) != batch_id or len(page) == _PAGE):
                yield batch_id, page
                page = []
            if one.modified_s < before_s:
                batch_id = batch_of(one.name)
                page.append(one.name)
        if page:
            yield batch_id, page

    async def _look(self, batch_id: str, names: Sequence[str]) -> None:
        pool = pool_of_batch(batch_id)
        if pool is None or pool not in self._pools:
            # A pool that is out of the configuration for now may come back.
            return
        batch = await self._broker.ask(batches.batch(pool, batch_id))
        if batch is not None and not batch.is_settled:
            return
        tenants = [batch.tenant] if batch is not None else await self._broker.ask(files.tenants())
        queries = [files.file(tenant, file_id(batch_id, kind)) for tenant in tenants for kind in Kind]
        found = await self._broker.ask_many(queries) if queries else []
        wanted = {part.name for file in found if file is not None for part in file.parts}
        for name in names:
            if name not in wanted:
                await self._storage.delete(name)
                metrics.FILES_SWEPT.labels("orphaned").inc()
