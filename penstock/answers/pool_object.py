"""A pool as its clients may see it: what waits, who works, and how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from penstock.job import RESUME_LANE
from penstock.job_class import JobClass
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from penstock.broker.records import WorkerStatus

#: Jobs that lost their worker wait before all classes.
RESUMED = "resumed"


class Waiting(Struct, frozen=True):
    """What waits in the lanes of a class, over all tenants."""

    jobs: int = 0
    #: Of the bodies.
    bytes: int = 0


class WorkerObject(Struct, frozen=True, kw_only=True):
    """One worker; its figures are as of its last heartbeat."""

    name: str
    state: WorkerState
    #: Jobs that it can run side by side, and those that it holds.
    slots: int
    jobs: int
    tokens_per_s: float
    #: 0 to 1.
    kv_cache_usage: float
    engine: str
    #: Starts of its engine that failed, or deaths of it, in a row; and why.
    failures: int
    why: str


class PoolObject(Struct, frozen=True, kw_only=True):
    """One pool."""

    id: str
    object: Literal["pool"] = "pool"
    #: Names by which clients ask for it.
    models: Sequence[str]
    #: Whether a request sent now would be run, and why not.
    serves: bool
    has_leader: bool
    failing: str
    troubles: Sequence[str]
    #: By class, `resumed` first.
    queue: Mapping[str, Waiting]
    tokens_per_s: float
    jobs_per_s: float
    workers: Sequence[WorkerObject]

    @property
    def free_slots(self) -> int:
        """Jobs that could begin at once."""
        return sum(max(one.slots - one.jobs, 0) for one in self.workers if one.state == "ready")


def queue_of(counts: Mapping[str, int], sizes: Mapping[str, int]) -> dict[str, Waiting]:
    """What waits by class, given the jobs and bytes of each lane."""
    found = {name: Waiting() for name in (RESUMED, *JobClass)}
    for lane, jobs in counts.items():
        name = RESUMED if lane == RESUME_LANE else lane.partition(":")[0]
        before = found.get(name, Waiting())
        found[name] = Waiting(before.jobs + jobs, before.bytes + sizes.get(lane, 0))
    return found


def worker_object(worker: WorkerStatus, tokens_per_s: float) -> WorkerObject:
    """One worker as the API shows it."""
    return WorkerObject(
        name=worker.name,
        state=worker.state,
        slots=worker.slots,
        jobs=worker.held,
        tokens_per_s=tokens_per_s,
        kv_cache_usage=round(worker.stats.kv_cache_usage, 3),
        engine=worker.engine,
        failures=worker.failures,
        why=worker.why,
    )


def unknown_pool(name: str, models: Sequence[str], why: str) -> PoolObject:
    """A pool of which nothing can be known."""
    return PoolObject(
        id=name,
        models=models,
        serves=False,
        has_leader=False,
        failing=why,
        troubles=(),
        queue=queue_of({}, {}),
        tokens_per_s=0.0,
        jobs_per_s=0.0,
        workers=(),
    )
