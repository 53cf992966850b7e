"""What arq runs in a background process, put together: deliveries, and the sweeps that look for what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from background import delivering, file_sweep, index_sweep, sweep
from background.batches import sweep as batch_sweep
from background.batches.sweep import BatchSweep
from background.delivering import Delivering
from background.file_sweep import FileSweep
from background.hand_over import HandOver
from background.index_sweep import IndexSweep
from background.sending import Sender
from background.sweep import Sweep
from background.task_queue import TaskQueue, every, task
from penstock.broker.connections import Endpoint
from penstock.webhooks.address import networks_of

if TYPE_CHECKING:
    from background.sending import Resolve
    from penstock.broker.client import Broker
    from penstock.settings import Settings
    from penstock.storage import Storage


class Tasks:
    """Delivers what the ledger hands over, and sweeps."""

    def __init__(self, broker: Broker, storage: Storage, settings: Settings, resolve: Resolve | None = None) -> None:
        limits = settings.webhooks
        networks = networks_of(limits.allowed_networks)
        self._queue = TaskQueue(Endpoint.parse(settings.queue_address), max_running=limits.max_in_flight)
        self._sender = Sender(networks, timeout_s=limits.timeout_s, most=limits.max_in_flight, resolve=resolve)
        self._delivering = Delivering(broker, limits, self._sender)
        self.hand_over = HandOver(broker, self._queue, limits)
        self._sweep = Sweep(broker, self.hand_over)
        self._index_sweep = IndexSweep(broker, list(settings.pools))
        self._file_sweep = FileSweep(broker, storage, settings.files)
        self._batch_sweep = BatchSweep(broker, storage, settings.pools, settings.files.orphan_grace_s)

    async def run(self) -> None:
        """Run tasks until stopped."""
        # One limit for both: a task whose process was killed is run again when the longer one is over.
        limit_s = self._delivering.task_timeout_s
        deliver = task(self._delivering.attempt, delivering.TASK, timeout_s=limit_s, max_tries=delivering.MAX_TRIES)
        looks = [
            every(sweep.EVERY_S, self._sweep.once, sweep.TASK, timeout_s=limit_s),
            every(index_sweep.EVERY_S, self._index_sweep.once, index_sweep.TASK, timeout_s=limit_s),
            every(file_sweep.EVERY_S, self._file_sweep.once, file_sweep.TASK, timeout_s=limit_s),
            every(batch_sweep.EVERY_S, self._batch_sweep.once, batch_sweep.TASK, timeout_s=limit_s),
        ]
        await self._queue.run([deliver], looks)
        await self._sender.close()

    def stop(self) -> None:
        """Take up no more."""
        self._queue.stop()
