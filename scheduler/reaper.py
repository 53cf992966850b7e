"""The reaper: what a lost instance held is queued again with what it had generated; then the instance is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from penstock.broker import leading, observing
from penstock.broker.holding import Held, name_of
from penstock.broker.observing import FROM_START, InstanceRecord, Standing
from penstock.broker.repeating import rest
from penstock.broker.trouble import Duty, Trouble
from penstock.errors import BrokerUnavailableError
from penstock.frames import Generated
from penstock.telemetry import events, logs, metrics
from scheduler.policy.losses import loss_reason
from scheduler.recovery import LostWorker, generated_by, record_requeue, requeue_call
from scheduler.term import Term

_PAGE_HELD = 256
#: Jobs queued again in one round trip; each carries all its tokens several times over.
_BATCH = 16

_log = logs.get()


class Reaper:
    """Attends to lost instances beside the rounds, each in a task of its own."""

    def __init__(self, term: Term, duties: asyncio.TaskGroup) -> None:
        self._term = term
        self._duties = duties
        self._attended: set[str] = set()

    def attend(self, lost: Iterable[InstanceRecord], now_ms: int) -> None:
        """Begin with those that are not attended to yet. One that Redis' loss interrupts is found lost again later."""
        for record in lost:
            if record.instance not in self._attended:
                self._attended.add(record.instance)
                reason = loss_reason(is_recorded=bool(record.state), why=record.why)
                self._duties.create_task(self._reap(LostWorker(record, reason, now_ms)))

    async def _reap(self, lost: LostWorker) -> None:
        instance = lost.record.instance
        _log.warning(events.WORKER_LOST, pool=self._term.pool, worker=instance, reason=lost.reason, why=lost.record.why)
        trouble = self._term.trouble(Duty.REAP)
        try:
            while not self._term.over.is_set() and not await self._is_done(lost, trouble):
                pass
        except BrokerUnavailableError:
            metrics.REDIS_ERRORS.labels(kind="unavailable").inc()
        finally:
            trouble.close()
            self._attended.discard(instance)

    async def _is_done(self, lost: LostWorker, trouble: Trouble) -> bool:
        """One try at an instance; True where it is retired. Raises BrokerUnavailableError."""
        try:
            if not await self._retire(lost):
                await self._requeue_all(lost)
                return False
        except BrokerUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this instance's alone
            await rest(self._term.over, await trouble.failed(error))
            return False
        trouble.passed()
        return True

    async def _retire(self, lost: LostWorker) -> bool:
        """Forget an instance that holds nothing; False where it does."""
        pool, instance = self._term.pool, lost.record.instance
        name = lost.record.name or name_of(instance)
        if await self._term.broker.run(leading.retire(pool, instance, name)) == "holds":
            return False
        metrics.WORKER_LOSSES.labels(pool=pool, reason=lost.reason).inc()
        _log.info(events.WORKER_RETIRED, pool=pool, worker=instance)
        return True

    async def _requeue_all(self, lost: LostWorker) -> None:
        held = await self._held(lost.record.instance)
        generated = await generated_by(self._term, lost.record.instance, [(one.job, one.fence) for one in held])
        errors = []
        for start in range(0, len(held), _BATCH):
            if self._term.over.is_set():
                return
            errors.append(await self._requeue(lost, held[start : start + _BATCH], generated))
        for error in filter(None, errors):
            # After the others: only these have to be tried again, and not at once.
            raise error

    async def _held(self, instance: str) -> list[Held]:
        held: list[Held] = []
        while True:
            after = held[-1].entry if held else FROM_START
            page = await self._term.broker.ask(observing.held(self._term.pool, instance, _PAGE_HELD, after))
            held += page
            if len(page) < _PAGE_HELD:
                return held

    async def _requeue(
        self, lost: LostWorker, batch: Sequence[Held], generated: Mapping[tuple[str, int], Generated]
    ) -> Exception | None:
        """Queue these jobs again; returns the first error, None where there was none."""
        broker, pool = self._term.broker, self._term.pool
        standings = await broker.ask_each([observing.standing(pool, one.job) for one in batch])
        calls = [
            requeue_call(self._term, one, _listeners(standing), generated[one.job, one.fence], lost)
            for one, standing in zip(batch, standings, strict=True)
        ]
        replies = await broker.run_each(calls)
        for one, reply in zip(batch, replies, strict=True):
            if not isinstance(reply, Exception):
                self._term.end_if_deposed(reply)
                record_requeue(pool, one.job, reply, lost, len(generated[one.job, one.fence].tokens))
        return next((one for one in replies if isinstance(one, Exception)), None)


def _listeners(standing: Standing | Exception | None) -> str:
    return standing.listeners if isinstance(standing, Standing) else ""
