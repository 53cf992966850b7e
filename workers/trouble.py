"""What a worker cannot do because of what others put under its keys: told once, and tried again for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.pauses import GrowingPause
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.errors import BrokerError

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

log = logs.get()


class WorkerTrouble:
    """One at a time; the pauses between two tries grow."""

    def __init__(self, pool: str, worker: str) -> None:
        self._pool = pool
        self._worker = worker
        self._pause = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    def pause_s(self, error: BrokerError) -> float:
        """How long to wait before the next try, given what came of this one."""
        if not self._pause.has_begun:
            log.error(events.WORKER_TROUBLE, pool=self._pool, worker=self._worker, error=str(error))
        return self._pause.next_s()

    def end(self) -> None:
        """A try succeeded."""
        if self._pause.has_begun:
            log.info(events.WORKER_TROUBLE_OVER, pool=self._pool, worker=self._worker)
        self._pause.reset()
