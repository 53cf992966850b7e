"""How fast a batch goes, and how many of its jobs the pool can run at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.broker.records import pool_status
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from background.batches.work import Work
    from penstock.batches.batch import Batch

_LOOK_EVERY_S = 1.0
#: How much the last second counts against those before.
_WEIGHT = 0.5


class Measured(Struct, frozen=True):
    """A moment's figures."""

    slots: int = 0
    ended_per_s: float = 0.0


class Pace:
    """Measures once a second."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._measured = Measured()
        self._at_s = 0.0
        self._ended = 0

    async def look(self, batch: Batch) -> Measured:
        """The newest figures. Raises BrokerError."""
        now_s = time.monotonic()
        if now_s - self._at_s >= _LOOK_EVERY_S:
            status = await pool_status(self._work.broker, self._work.pool)
            ended = batch.ended_completed + batch.ended_failed
            rate = (ended - self._ended) / (now_s - self._at_s) if self._at_s else 0.0
            mean = _WEIGHT * rate + (1 - _WEIGHT) * self._measured.ended_per_s
            slots = sum(worker.slots for worker in status.workers if worker.state is WorkerState.READY)
            self._measured, self._at_s, self._ended = Measured(slots, mean), now_s, ended
        return self._measured
