"""Removes what is in storage of batches that nobody remembers: their files are deleted, or their records were lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from background.storage_walk import Pages, StorageWalk
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
#: Objects of one batch that are looked at together.
_PAGE = 1000

_log = logs.get()


class BatchSweep:
    """Looks through the folders of all batches from time to time, as far as it gets."""

    def __init__(self, broker: Broker, storage: Storage, pools: Collection[str], grace_s: float) -> None:
        self._broker = broker
        self._storage = storage
        self._pools = pools
        self._walk = StorageWalk(storage, FOLDER, grace_s=grace_s)

    async def once(self) -> None:
        """One pass; while Redis or the storage is away there is none."""
        try:
            await self._walk.turn(Pages(_PAGE, batch_of), self._look)
        except BrokerError:
            return
        except StorageError as error:
            _log.warning(events.STORAGE_UNAVAILABLE, error=str(error))

    async def _look(self, names: Sequence[str]) -> None:
        """Delete those that no file names, all of one batch, unless the batch is still at work."""
        batch_id = batch_of(names[0])
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
