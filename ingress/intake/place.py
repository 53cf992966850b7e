"""A waiting job's place: how much work is ahead of it, and when it may begin. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.job import RESUME_LANE
from penstock.job_class import JobClass

if TYPE_CHECKING:
    from penstock.job import NewJob

#: Lanes are counted in bytes: what a token of a request takes, roughly.
_BYTES_PER_TOKEN = 4
_ORDER: dict[str, int] = {job_class: number for number, job_class in enumerate(JobClass)}


class Place(Struct, frozen=True):
    """What is ahead of a job that has just joined its lane."""

    jobs_ahead: int
    #: Of the prompts, by the length of the bodies.
    tokens_ahead: int
    #: From now, in seconds; None while nobody knows how fast the pool works.
    predicted_start_s: float | None


def place_of(
    job: NewJob, counts: Mapping[str, int], sizes: Mapping[str, int], *, drained_per_s: float, free_slots: int
) -> Place:
    """The place of a job, given the jobs and bytes that each lane had a moment before, and how many could begin."""
    ahead = [name for name in counts if _goes_first(name, job)]
    jobs = sum(counts[name] for name in ahead)
    size = sum(sizes.get(name, 0) for name in ahead)
    start_s = round(jobs / drained_per_s, 3) if drained_per_s > 0 else None
    if jobs < free_slots:
        start_s = 0.0
    return Place(jobs, size // _BYTES_PER_TOKEN, start_s)


def _goes_first(lane: str, job: NewJob) -> bool:
    """Whether a lane's jobs are served before a job that has just come, or beside it."""
    if lane == RESUME_LANE:
        return True
    return _ORDER.get(lane.partition(":")[0], len(_ORDER)) <= _ORDER[job.job_class]
