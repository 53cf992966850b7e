"""One batch, as long as this process owns it: step after step, each of which may be cut short and done again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from background.batches import expanding, finishing, validating
from background.batches.expanding import Expansion
from background.batches.pace import Pace
from background.batches.reconciler import BatchReconciler
from background.batches.results import Results
from background.batches.work import DisownedError, Work, change
from penstock.answers.batch_line import CANCELLED, EXPIRED
from penstock.batches.batch import BatchStatus
from penstock.batches.step import Step, next_step
from penstock.batches.window import window
from penstock.broker import batches
from penstock.broker.repeating import rest
from penstock.errors import BrokerDataError, BrokerError, StorageError, StorageMissingError
from penstock.intake.ending import cancel
from penstock.pauses import GrowingPause
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from background.hand_over import HandOver
    from penstock.batches.batch import Batch

#: Ends that wait for storage, above which no more jobs are made.
_MOST_WAITING = 2000
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0

_log = logs.get()


class BatchRun:
    """Brings one batch to its end."""

    def __init__(self, work: Work, hand_over: HandOver) -> None:
        self._work = work
        self._hand_over = hand_over
        self._expansion = Expansion(work)
        self._results = Results(work)
        self._pace = Pace(work)
        self._reconciler = BatchReconciler(work, self._expansion, self._results)
        self._pause = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._told = ""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until the batch is settled, another process owns it, or we are to stop."""
        try:
            while not stopping.is_set() and await self._goes_on(stopping):
                pass
        except DisownedError:
            _log.info(events.BATCH_DISOWNED, batch=self._work.id, pool=self._work.pool)

    async def _goes_on(self, stopping: asyncio.Event) -> bool:
        """One look and what follows from it; whether there is more to do. Raises DisownedError."""
        try:
            is_over, pause_s = await self._once()
        except DisownedError:
            raise
        except (BrokerError, StorageError) as error:
            self._tell(str(error))
            await rest(stopping, self._pause.next_s())
            return True
        except Exception as error:  # noqa: BLE001 - it is this batch's alone
            self._tell(f"{type(error).__name__}: {error}", error)
            await rest(stopping, self._pause.next_s())
            return True
        self._back()
        await rest(stopping, pause_s)
        return not is_over

    async def _once(self) -> tuple[bool, float]:
        """Whether the batch is settled, and how long to wait otherwise."""
        work = self._work
        batch, open_jobs, waiting, now_ms = await work.broker.ask_many(batches.look(work.pool, work.id))
        if batch is None or batch.is_settled:
            raise DisownedError("missing")
        step = next_step(batch, open_jobs=open_jobs, now_ms=now_ms)
        match step:
            case Step.VALIDATE:
                await validating.validate(work, batch)
            case Step.EXPIRE:
                await change(work, BatchStatus.EXPIRED)
            case Step.RUN:
                return False, await self._advance(batch, open_jobs, waiting, now_ms)
            case Step.END_JOBS:
                return False, await self._end_jobs(batch, open_jobs, waiting, now_ms)
            case Step.WRITE_REST:
                await self._write_rest(batch)
            case Step.FINALIZE:
                await change(work, BatchStatus.FINALIZING)
            case Step.MAKE_FILES:
                await finishing.make_files(work, batch)
            case Step.SETTLE:
                await finishing.settle(work, batch, self._hand_over)
                return True, 0.0
        return False, 0.0

    async def _advance(self, batch: Batch, open_jobs: int, waiting: int, now_ms: int) -> float:
        """Make jobs and write results, as many of each as is due; returns how long to wait."""
        limits = self._work.settings.pools[self._work.pool]
        pace = await self._pace.look(batch)
        most = window(
            slots=pace.slots,
            ended_per_s=pace.ended_per_s,
            most=self._work.settings.batches.window_jobs,
            lane_jobs=limits.lane_max_jobs,
        )
        ran_s = (now_ms - batch.in_progress_ms) / 1000
        if self._results.are_due(waiting=waiting, open_jobs=open_jobs, window=most, ran_s=ran_s):
            await self._results.write(batch, "")
            return 0.0
        room = most - (open_jobs - waiting)
        # Some at once rather than one at a time, unless the rest is less.
        is_worth_it = room >= max(min(expanding.AT_ONCE, most // 4, batch.total - batch.expanded), 1)
        if batch.expanded < batch.total and is_worth_it and waiting < _MOST_WAITING:
            made = await self._expansion.make(batch, room, now_ms)
            if made:
                return 0.0
        await self._reconciler.look(batch, "", now_ms)
        return self._work.settings.batches.tick_s

    async def _end_jobs(self, batch: Batch, open_jobs: int, waiting: int, now_ms: int) -> float:
        """Cancel what still runs and write what has ended; returns how long to wait."""
        if waiting:
            await self._results.write(batch, _cut_short(batch))
            return 0.0
        for job in await self._work.broker.ask(batches.open_lines(self._work.pool, self._work.id)):
            # One that cannot be read is left to the reconciler.
            with suppress(BrokerDataError):
                await cancel(self._work.broker, job)
        if open_jobs:
            await self._reconciler.look(batch, _cut_short(batch), now_ms)
        return self._work.settings.batches.tick_s

    async def _write_rest(self, batch: Batch) -> None:
        try:
            await self._expansion.write_rest(batch, _cut_short(batch))
        except StorageMissingError:
            await finishing.leave_rest(self._work, batch)

    def _tell(self, why: str, error: Exception | None = None) -> None:
        if why != self._told:
            _log.warning(events.BATCH_HELD_UP, batch=self._work.id, pool=self._work.pool, why=why, exc_info=error)
        self._told = why

    def _back(self) -> None:
        self._pause.reset()
        if self._told:
            _log.info(events.BATCH_GOES_ON, batch=self._work.id, pool=self._work.pool)
            self._told = ""


def _cut_short(batch: Batch) -> str:
    return CANCELLED if batch.status is BatchStatus.CANCELLING else EXPIRED
