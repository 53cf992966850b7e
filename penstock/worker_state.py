"""The states a worker says it is in, or is declared to be in."""

from __future__ import annotations

import enum


class WorkerState(enum.StrEnum):
    """What an instance's record says; only a ready one is given work."""

    STARTING = "starting"
    READY = "ready"
    #: Finishes what it has and takes no more.
    DRAINING = "draining"
    #: Its event loop stands still: no new work until it turns again.
    STALLED = "stalled"
    #: Its engine does not start, or died.
    FAILED = "failed"
    #: Fenced: every write of it is refused.
    LOST = "lost"
