"""Expiry: a job that waited past its deadline, or ran past its pool's bound, ends with a reason its client can read."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.broker import holding, leading, mending, observing, submission
from penstock.broker.holding import Held
from penstock.broker.observing import Standing
from penstock.broker.trouble import Trouble
from penstock.errors import BrokerDataError, OverloadedError, RunTimeoutError
from penstock.frames import Generated
from penstock.job import State
from penstock.telemetry import events, logs, metrics
from penstock.worker_state import WorkerState
from scheduler.ending import ending
from scheduler.policy.deadlines import Overdue, expiry_message, fate, overrun_message
from scheduler.policy.facts import entry_ms
from scheduler.recovery import generated_by, known_of
from scheduler.term import Term

_PAGE = 100
#: An inbox holds at most a worker's slots.
_MOST_HELD = 10_000

_log = logs.get()


class Expiry:
    """One pool's deadlines."""

    def __init__(self, term: Term, trouble: Trouble) -> None:
        self._term = term
        self._trouble = trouble

    async def sweep(self) -> None:
        """End what is overdue now; what cannot be ended here must not hide what is behind it."""
        broker, pool = self._term.broker, self._term.pool
        now_ms, earliest_ms = await broker.ask_many([observing.clock_ms(), observing.next_deadline_ms(pool)])
        if earliest_ms is None or earliest_ms > now_ms:
            return
        left = 0
        while not self._term.over.is_set():
            page = await broker.ask(observing.overdue(pool, now_ms, left, _PAGE))
            left += len(page) - await self._end(page, now_ms)
            if len(page) < _PAGE:
                return

    async def _end(self, job_ids: Sequence[str], now_ms: int) -> int:
        """Returns how many of them are overdue no more."""
        pool = self._term.pool
        asked = await self._term.broker.ask_each([observing.standing(pool, one) for one in job_ids])
        # What cannot be read is no record: the job is gone, and is listed no more.
        standings = await self._trouble.readable(asked)
        deadlines = await self._term.broker.ask_many([observing.deadline_ms(pool, one) for one in job_ids])
        by_fate: dict[Overdue, list[Standing]] = {fate_: [] for fate_ in Overdue}
        strays = []
        for job_id, standing, deadline_ms in zip(job_ids, standings, deadlines, strict=True):
            verdict = fate(standing.state if standing else None, deadline_ms, now_ms)
            if standing is None or verdict is Overdue.UNLIST:
                strays.append(job_id)
            else:
                by_fate[verdict].append(standing)
        ended = len(by_fate[Overdue.LEAVE])
        ended += await self._unlist(strays) + await self._expire(by_fate[Overdue.EXPIRE])
        for standing in by_fate[Overdue.STOP]:
            try:
                ended += await self._stop(standing)
            except BrokerDataError as error:
                await self._trouble.met(error)
        return ended

    async def _unlist(self, job_ids: Sequence[str]) -> int:
        term = self._term
        calls = [mending.unlist(term.pool, term.token, job_id) for job_id in job_ids]
        return (await self._trouble.readable(await term.broker.run_each(calls))).count("unlisted")

    async def _expire(self, overdue: Sequence[Standing]) -> int:
        broker, pool = self._term.broker, self._term.pool
        prefixes = await broker.ask_each([observing.prefix(pool, one.job) for one in overdue])
        calls = []
        for one, prefix in zip(overdue, prefixes, strict=True):
            message = expiry_message(one.deadline_ms - entry_ms(one.entry))
            about = (one.job, one.fence, one.listeners, known_of(prefix))
            end = ending(*about, State.EXPIRED, OverloadedError, message)
            calls.append(
                submission.withdraw(
                    *(pool, one.job, one.lane, one.fence, State.EXPIRED, end.result, end.notices),
                    only_if=submission.OnlyIf.OVERDUE,
                )
            )
        replies = await self._trouble.readable(await broker.run_each(calls))
        for one, reply in zip(overdue, replies, strict=True):
            if reply == "withdrawn":
                metrics.JOBS.labels(pool=pool, state=State.EXPIRED).inc()
                _log.warning(events.JOB_EXPIRED, pool=pool, job=one.job, lane=one.lane)
        return len(overdue) - replies.count("early") - replies.count(None)

    async def _stop(self, overdue: Standing) -> bool:
        """End a running job in its worker's stead. A lost worker's jobs are the reaper's."""
        broker, pool, instance = self._term.broker, self._term.pool, overdue.worker
        record, inbox = await broker.ask_many(
            [observing.instance(pool, instance), observing.held(pool, instance, _MOST_HELD)]
        )
        held = next((one for one in inbox if (one.job, one.fence) == (overdue.job, overdue.fence)), None)
        if held is None or record.state in ("", WorkerState.LOST):
            return False
        generated = (await generated_by(self._term, instance, [(held.job, held.fence)]))[held.job, held.fence]
        finished = await self._finish(overdue, held, generated)
        if finished:
            metrics.JOBS.labels(pool=pool, state=State.FAILED).inc()
            _log.warning(events.JOB_FAILED, pool=pool, job=held.job, worker=instance, error=RunTimeoutError.__name__)
        return finished

    async def _finish(self, overdue: Standing, held: Held, generated: Generated) -> bool:
        pool = self._term.pool
        message = overrun_message(overdue.run_timeout_ms)
        about = (held.job, held.fence, overdue.listeners, generated)
        end = ending(*about, State.FAILED, RunTimeoutError, message)
        finished, _ = await self._term.broker.run_many(
            [
                holding.finish(pool, overdue.worker, held, end.result, ttft_ms=None, notices=end.notices),
                leading.abort(pool, overdue.worker, held.job, held.fence),
            ]
        )
        return bool(finished == "finished")
