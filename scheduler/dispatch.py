"""Dispatch: one round of choosing and assigning."""

from __future__ import annotations

import time
from collections.abc import Sequence

from penstock.broker import leading, observing
from penstock.telemetry import events, logs, metrics, spans, trace_context, tracing
from scheduler.policy.facts import Waiting, WorkerFacts
from scheduler.policy.order import in_order, lane_class
from scheduler.policy.placement import Placement, PlacementReason, can_serve, place
from scheduler.survey import Survey
from scheduler.term import Term

#: Jobs of a lane that a round looks at: few while all workers are full, more the more slots are free.
_SMALLEST_PAGE = 16
_LARGEST_PAGE = 256

_log = logs.get()


class Dispatcher:
    """Assigns what waits to who is free."""

    def __init__(self, term: Term, *, traced: bool) -> None:
        self._term = term
        self._traced = traced
        #: How many jobs of each lane the next round needs to see.
        self.page = _SMALLEST_PAGE

    async def dispatch(self, survey: Survey, workers: Sequence[WorkerFacts]) -> bool:
        """Assign what can be; True where another round may find more."""
        started_s = time.perf_counter()
        free = sum(worker.free for worker in workers if can_serve(worker))
        self.page = min(max(free, _SMALLEST_PAGE), _LARGEST_PAGE)
        placements = place(in_order(survey.lanes), workers)
        if not placements:
            return False
        are_all_assigned = await self._assign(placements, survey.now_ms)
        metrics.DISPATCH_SECONDS.labels(pool=self._term.pool).observe(time.perf_counter() - started_s)
        if not are_all_assigned:
            # Something had changed since the survey: what was meant for one job or worker may now be another's.
            return True
        # Jobs that wait for a slot need no other round: the slot that becomes free wakes the leader.
        return placements[-1].reason is PlacementReason.ASSIGNED and any(lane.has_more for lane in survey.lanes)

    async def _assign(self, placements: Sequence[Placement], now_ms: int) -> bool:
        """Returns whether every placement became an assignment. Raises the error of one that cannot."""
        pool = self._term.pool
        placed = [(one.job, one.instance) for one in placements if one.instance is not None]
        if len(placed) < len(placements):
            metrics.PLACEMENTS.labels(pool=pool, reason=placements[-1].reason).inc()
        calls = [
            leading.assign(pool, self._term.token, job.job, job.lane, job.entry, instance) for job, instance in placed
        ]
        replies = await self._term.broker.run_each(calls) if calls else []
        assigned, error = [], None
        for (job, _), reply in zip(placed, replies, strict=True):
            if isinstance(reply, Exception):
                error = error or reply
                continue
            self._term.end_if_deposed(reply)
            if reply == "assigned":
                assigned.append(job)
            elif reply == "no_job":
                _log.warning(events.RECORD_UNREADABLE, pool=pool, job=job.job, lane=job.lane)
        await self._record(assigned, now_ms)
        if error is not None:
            # After the others: only this one has to be tried again, and not at once.
            raise error
        return len(assigned) == len(placed)

    async def _record(self, assigned: Sequence[Waiting], now_ms: int) -> None:
        pool = self._term.pool
        metrics.PLACEMENTS.labels(pool=pool, reason=PlacementReason.ASSIGNED).inc(len(assigned))
        for job in assigned:
            waited_s = max(now_ms - job.queued_ms, 0) / 1000
            metrics.child(metrics.QUEUE_WAIT_SECONDS, pool, lane_class(job.lane)).observe(waited_s)
        if self._traced and assigned:
            await self._trace(assigned)

    async def _trace(self, assigned: Sequence[Waiting]) -> None:
        pool = self._term.pool
        waits = await self._term.broker.ask_each([observing.wait_span(pool, job.job) for job in assigned])
        for job, wait in zip(assigned, waits, strict=True):
            if isinstance(wait, Exception):
                continue
            attributes = {spans.JOB_ID: job.job, spans.POOL: pool}
            span = tracing.start(spans.QUEUE, trace_context.unpack(wait.trace), attributes, start_ms=wait.created_ms)
            span.end(end_ms=wait.assigned_ms)
