"""Which worker takes a job: those that can are filtered, scored by load, and the least loaded is picked."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Iterable, Sequence

from msgspec import Struct

from scheduler.policy.facts import Liveness, Waiting, WorkerFacts


class PlacementReason(enum.StrEnum):
    """Why a job goes where it goes, or stays."""

    ASSIGNED = "assigned"
    #: No worker is ready.
    NO_WORKER = "no_worker"
    #: Every ready worker is full.
    NO_FREE_SLOT = "no_free_slot"


class Placement(Struct, frozen=True):
    """Where a job goes; `instance` is None where it has to wait."""

    job: Waiting
    instance: str | None
    reason: PlacementReason


def place(jobs: Iterable[Waiting], workers: Sequence[WorkerFacts]) -> list[Placement]:
    """Place jobs in turn, each on the worker that is then the least loaded; ends with the first that has to wait."""
    ready = [worker for worker in workers if can_serve(worker)]
    # A heap, for a fleet may have thousands of workers and a round hundreds of jobs.
    open_workers = [(load(worker.held, worker.slots), worker.instance, worker) for worker in ready if worker.free]
    heapq.heapify(open_workers)
    held = {worker.instance: worker.held for worker in ready}
    placements = []
    for job in jobs:
        if not open_workers:
            reason = PlacementReason.NO_FREE_SLOT if ready else PlacementReason.NO_WORKER
            placements.append(Placement(job, None, reason))
            break
        _, instance, worker = open_workers[0]
        placements.append(Placement(job, instance, PlacementReason.ASSIGNED))
        held[instance] += 1
        if held[instance] < worker.slots:
            heapq.heapreplace(open_workers, (load(held[instance], worker.slots), instance, worker))
        else:
            heapq.heappop(open_workers)
    return placements


def can_serve(worker: WorkerFacts) -> bool:
    """Whether a worker takes new work at all."""
    return worker.is_ready and worker.liveness is Liveness.ALIVE


def load(held: int, slots: int) -> float:
    """How busy a worker is, 0 to 1."""
    return held / slots
