"""Which job is next: what was interrupted, then class by class, and within a class who has waited longest."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.job import RESUME_LANE
from penstock.job_class import JobClass
from scheduler.policy.facts import Lane, Waiting

_RANKS = {name: rank for rank, name in enumerate((RESUME_LANE, *JobClass))}
_Key = tuple[int, int, int]


def lane_class(lane: str) -> str:
    """The class that a lane's jobs are of; the resume lane is one by itself."""
    return lane.partition(":")[0]


def in_order(lanes: Sequence[Lane]) -> list[Waiting]:
    """The waiting jobs in the order of their service.

    It ends where it would be uncertain: behind the last job that is known of a lane which holds more, any other lane's
    job might have to give way to one that was not looked at.
    """
    keyed = [(_key(job), job) for lane in lanes for job in lane.heads]
    keyed.sort(key=lambda pair: pair[0])
    certain = min((_key(lane.heads[-1]) for lane in lanes if lane.has_more and lane.heads), default=None)
    return [job for key, job in keyed if certain is None or key <= certain]


def _key(job: Waiting) -> _Key:
    queued_ms, _, sequence = job.entry.partition("-")
    return _RANKS.get(lane_class(job.lane), len(_RANKS)), int(queued_ms), int(sequence)
