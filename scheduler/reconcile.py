"""The reconcile pass: compares every live record with the streams that should point to it, and mends what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from penstock.broker import leading, mending, observing
from penstock.broker.holding import Held
from penstock.broker.observing import FROM_START, InstanceRecord, Standing, unreadable_instance
from penstock.broker.query import Query
from penstock.broker.repeating import rest
from penstock.broker.script import Call
from penstock.broker.trouble import Trouble
from penstock.job import State
from penstock.telemetry import events, logs, metrics
from penstock.worker_state import WorkerState
from scheduler.policy.findings import Evidence, Finding, examine
from scheduler.policy.losses import LossReason
from scheduler.recovery import LostWorker, generated_by, record_requeue, requeue_call
from scheduler.term import Term

T = TypeVar("T")

_PAGE = 100
#: Between two pages: a pass over many jobs must leave the rounds their turn.
_PAUSE_S = 0.01

_log = logs.get()


class Reconciler:
    """One pool's reconcile passes."""

    def __init__(self, term: Term, trouble: Trouble) -> None:
        self._term = term
        self._trouble = trouble
        #: Jobs, and their fences, that the last pass found in no inbox. A worker may have ended one while the pass read
        #: on, so only what two passes see alike is acted upon.
        self._suspects: dict[str, int] = {}

    async def sweep(self) -> None:
        """One pass; what cannot be read or mended is passed over."""
        term = self._term
        await self._list_instances()
        held = await self._inboxes()
        lanes = set(await self._read(observing.lane_counts(term.pool)) or ())
        mislaid: list[Standing] = []
        cursor, seen = await term.broker.ask(observing.live(term.pool, 0, _PAGE))
        while True:
            asked = await term.broker.ask_each([observing.standing(term.pool, job_id) for job_id in seen])
            standings: Sequence[Standing | None] = await self._trouble.readable(asked)
            lanes |= {one.lane for one in standings if one and one.state is State.QUEUED}
            mislaid += await self._examine(seen, standings, held)
            await rest(term.over, _PAUSE_S)
            if cursor == 0 or term.over.is_set():
                break
            cursor, seen = await term.broker.ask(observing.live(term.pool, cursor, _PAGE))
        await self._requeue_mislaid(mislaid)
        for lane in lanes:
            await self._sweep_lane(lane)

    async def _inboxes(self) -> set[tuple[str, str, int]]:
        """Every instance, job and fence of an inbox; those of live instances are swept on the way."""
        term = self._term
        names = await term.broker.ask(observing.instances(term.pool))
        asked = await term.broker.ask_each([observing.instance(term.pool, name) for name in names])
        found = set()
        for name, answer in zip(names, await self._trouble.readable(asked), strict=True):
            record = answer or unreadable_instance(name)
            after = FROM_START
            while page := await self._read(observing.held(term.pool, record.instance, _PAGE, after)):
                found |= {(record.instance, one.job, one.fence) for one in page}
                await self._sweep_inbox(record, page)
                after = page[-1].entry
        return found

    async def _sweep_inbox(self, record: InstanceRecord, page: Sequence[Held]) -> None:
        if record.state in ("", WorkerState.LOST):
            return  # The reaper's.
        term = self._term
        dropped = await self._mend(mending.sweep_inbox(term.pool, term.token, record.instance, page))
        self._report(Finding.STALE_INBOX_ENTRY, dropped or 0, worker=record.instance)

    async def _sweep_lane(self, lane: str) -> None:
        term = self._term
        after = FROM_START
        while not term.over.is_set():
            page = await self._read(observing.waiting(term.pool, lane, _PAGE, after))
            if page is None:
                return
            dropped = await self._mend(mending.sweep_lane(term.pool, term.token, lane, page))
            self._report(Finding.STALE_LANE_ENTRY, dropped or 0, lane=lane)
            if len(page) < _PAGE:
                return
            after = page[-1][1]
            await rest(term.over, _PAUSE_S)

    async def _examine(
        self, job_ids: Sequence[str], standings: Sequence[Standing | None], held: set[tuple[str, str, int]]
    ) -> list[Standing]:
        """Mend what can be at once; returns the jobs that no inbox holds."""
        in_lane = await self._in_lanes(standings)
        mislaid = []
        for job_id, standing in zip(job_ids, standings, strict=True):
            evidence = Evidence(
                standing.state if standing else None,
                is_in_lane=job_id in in_lane,
                is_in_inbox=standing is not None and (standing.worker, job_id, standing.fence) in held,
            )
            finding = examine(evidence)
            if finding is Finding.ENDED:
                await self._unlist(job_id)
            elif finding is Finding.NOT_IN_LANE and standing:
                await self._restore(standing)
            elif finding is Finding.NOT_IN_INBOX and standing:
                mislaid.append(standing)
        return mislaid

    async def _in_lanes(self, standings: Iterable[Standing | None]) -> set[str]:
        queued = [one for one in standings if one and one.state is State.QUEUED]
        asked = await self._term.broker.ask_each(
            [observing.waits_at(self._term.pool, one.lane, one.entry) for one in queued]
        )
        found = await self._trouble.readable(asked)
        return {one.job for one, job_id in zip(queued, found, strict=True) if job_id == one.job}

    async def _unlist(self, job_id: str) -> None:
        term = self._term
        if await self._mend(mending.unlist(term.pool, term.token, job_id)) == "unlisted":
            self._report(Finding.ENDED, 1, job=job_id)

    async def _restore(self, one: Standing) -> None:
        term = self._term
        if await self._mend(mending.restore(term.pool, term.token, one.job, one.lane, one.entry)) == "restored":
            self._report(Finding.NOT_IN_LANE, 1, job=one.job)

    async def _requeue_mislaid(self, mislaid: Sequence[Standing]) -> None:
        certain: Mapping[str, list[Standing]] = defaultdict(list)
        for one in mislaid:
            if self._suspects.get(one.job) == one.fence:
                certain[one.worker].append(one)
        self._suspects = {one.job: one.fence for one in mislaid}
        for instance, jobs in certain.items():
            await self._take_back(instance, jobs)

    async def _take_back(self, instance: str, jobs: Sequence[Standing]) -> None:
        term = self._term
        record = await self._read(observing.instance(term.pool, instance)) or unreadable_instance(instance)
        now_ms = await term.broker.ask(observing.clock_ms())
        generated = await generated_by(term, instance, [(one.job, one.fence) for one in jobs])
        lost = LostWorker(record, LossReason.MISLAID, now_ms)
        for one in jobs:
            tokens = generated[one.job, one.fence]
            call = requeue_call(term, Held(one.job, one.fence, ""), one.listeners, tokens, lost)
            abort = leading.abort(term.pool, instance, one.job, one.fence)
            reply, _ = await self._trouble.readable(await term.broker.run_each([call, abort]))
            if reply is not None:
                record_requeue(term.pool, one.job, reply, lost, len(tokens.tokens))
                self._report(Finding.NOT_IN_INBOX, 1, job=one.job)

    async def _list_instances(self) -> None:
        """Whoever is known by its name only was lost from the set of instances; should it be gone, that comes out."""
        term = self._term
        listed, newest = await self._trouble.readable(
            await term.broker.ask_each([observing.instances(term.pool), observing.newest_instances(term.pool)])
        )
        if listed is not None and newest is not None and (unlisted := newest - listed):
            await self._read(observing.register_again(term.pool, sorted(unlisted)))

    async def _read(self, query: Query[T]) -> T | None:
        """An answer, or None where it cannot be read."""
        answer: T | None
        (answer,) = await self._trouble.readable(await self._term.broker.ask_each([query]))
        return answer

    async def _mend(self, call: Call[T]) -> T | None:
        """A reply, or None where it cannot be done."""
        reply: T | None
        (reply,) = await self._trouble.readable(await self._term.broker.run_each([call]))
        return reply

    def _report(self, finding: Finding, count: int, **where: str) -> None:
        if count:
            metrics.RECONCILED.labels(pool=self._term.pool, finding=finding).inc(count)
            _log.warning(events.RECONCILED, pool=self._term.pool, finding=finding, count=count, **where)
