"""What a worker says of itself with every beat."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import msgspec

from penstock.engine_stats import EngineStats
from penstock.worker_state import WorkerState
from workers.engine.base import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from penstock.broker.script import Argument
    from workers.history import History


class Vitals:
    """One worker's figures: each part of it sets its own, and every beat sends all."""

    def __init__(self, history: History) -> None:
        self.state = WorkerState.FAILED if history.pause_s else WorkerState.STARTING
        self._history = history
        self.info: EngineInfo | None = None
        self.stats = EngineStats()
        #: Jobs that this epoch has ended.
        self.ended = 0
        #: Names the jobs that are being looked at and have no token yet.
        self.checking: Callable[[], Iterable[str]] = tuple

    @property
    def origin(self) -> dict[str, Argument]:
        """Fields that never change."""
        return {"host": socket.gethostname(), "pid": os.getpid()}

    @property
    def fields(self) -> dict[str, Argument]:
        """Fields that may change with every beat, without the state."""
        return {
            "slots": self.info.slots if self.info else 0,
            "engine": self.info.version if self.info else "",
            "max_model_len": self.info.max_model_len if self.info else 0,
            "failures": self._history.failures,
            "why": self._history.why,
            "ended": self.ended,
            "checking": ",".join(self.checking()),
            "stats": msgspec.json.encode(self.stats),
        }
