"""The gauges of a pool: what waits, and who works."""

from __future__ import annotations

from collections import Counter

from penstock.broker import observing
from penstock.job import RESUME_LANE
from penstock.job_class import JobClass
from penstock.telemetry import metrics
from penstock.worker_state import WorkerState
from scheduler.policy.order import lane_class
from scheduler.survey import Survey, Surveyor
from scheduler.term import Term

_CLASSES = (RESUME_LANE, *JobClass)


class PoolGauges:
    """Kept by the leader, so that every figure has one source."""

    def __init__(self, term: Term) -> None:
        self._term = term
        self._surveyor = Surveyor(term.broker, term.pool)

    async def refresh(self) -> None:
        """Read the pool and set every gauge."""
        survey = await self._surveyor.read(page=1)
        sizes = await self._term.broker.ask(observing.lane_bytes(self._term.pool))
        depth, size, oldest = _per_class(survey, sizes)
        pool = self._term.pool
        for name in _CLASSES:
            metrics.QUEUE_DEPTH.labels(pool, name).set(depth[name])
            metrics.QUEUE_BYTES.labels(pool, name).set(size[name])
            metrics.QUEUE_OLDEST_AGE_SECONDS.labels(pool, name).set(oldest[name])
        states = Counter(one.state for one in survey.instances)
        for state in WorkerState:
            metrics.WORKERS.labels(pool, state).set(states[state])

    def clear(self) -> None:
        """Leave no figures behind: the next leader has them now."""
        pool = self._term.pool
        for name in _CLASSES:
            metrics.QUEUE_DEPTH.remove(pool, name)
            metrics.QUEUE_BYTES.remove(pool, name)
            metrics.QUEUE_OLDEST_AGE_SECONDS.remove(pool, name)
        for state in WorkerState:
            metrics.WORKERS.remove(pool, state)


def _per_class(survey: Survey, sizes: dict[str, int]) -> tuple[Counter[str], Counter[str], dict[str, float]]:
    """Jobs, bytes and the age of the oldest job in seconds, by class."""
    depth: Counter[str] = Counter()
    size: Counter[str] = Counter()
    oldest = dict.fromkeys(_CLASSES, 0.0)
    for name, count in survey.depths.items():
        depth[lane_class(name)] += count
    for name, held in sizes.items():
        size[lane_class(name)] += held
    for lane in survey.lanes:
        for job in lane.heads:
            age_s = max(survey.now_ms - job.queued_ms, 0) / 1000
            oldest[lane_class(job.lane)] = max(oldest.get(lane_class(job.lane), 0.0), age_s)
    return depth, size, oldest
