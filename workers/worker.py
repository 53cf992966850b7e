"""One worker: an engine, and the epochs in which it serves."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from penstock import garbage, threads
from penstock.errors import EngineDeadError, EngineStartError
from penstock.telemetry import events, logs, metrics
from penstock.worker_state import WorkerState
from workers.epoch import Epoch, Place
from workers.history import Cause, History
from workers.lease import Lease
from workers.meters import Meters
from workers.renewal import Renewal
from workers.vitals import Vitals
from workers.warm_up import WarmUp
from workers.watch import watch

if TYPE_CHECKING:
    from workers.engine.base import Engine, EngineInfo, Output, StepSink
    from workers.report import Reporter

_TICK_S = 0.5
#: How long an engine may take to end; its processes end with this one anyway.
_STOP_S = 5.0

_CAUSES: dict[type[BaseException], Cause] = {
    EngineStartError: Cause.ENGINE_START,
    EngineDeadError: Cause.ENGINE_DEATH,
}
_EVENTS = {
    Cause.ENGINE_START: events.ENGINE_START_FAILED,
    Cause.ENGINE_DEATH: events.ENGINE_DIED,
    Cause.CRASH: events.WORKER_CRASHED,
}

log = logs.get()


class Worker:
    """Serves a pool with one engine, which outlives the epochs."""

    def __init__(self, place: Place, engine: Engine, history: History, reporter: Reporter) -> None:
        self._place = place
        self._engine = engine
        self._history = history
        self._reporter = reporter
        self._vitals = Vitals(history)
        self._lease = Lease(place.pulse, self._vitals)
        self._meters = Meters(place.pool)
        #: None until the first registration.
        self._epoch: Epoch | None = None
        self._is_leaving = False
        self._sink: StepSink = _nowhere
        metrics.ENGINE_START_FAILURES.labels(place.pool).inc(history.engine_start_failures)
        metrics.ENGINE_DEATHS.labels(place.pool).inc(history.engine_deaths)

    @property
    def _now(self) -> Epoch:
        """The present epoch."""
        if self._epoch is None:
            raise RuntimeError("the worker has not registered")
        return self._epoch

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop, then drain. Raises EngineStartError, EngineDeadError."""
        life = asyncio.create_task(self._live())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([life, stopped], return_when=asyncio.FIRST_COMPLETED)
            if error := life.done() and life.exception():
                await self._fail(error)
                raise error
            await self._leave(life)
        finally:
            stopped.cancel()
            await self._stop_engine()

    async def _live(self) -> None:
        self._epoch = await self._begin_epoch()
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._tick(), self._renew(), self._serve(), self._lease.listen()):
                    tasks.create_task(part)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _begin_epoch(self) -> Epoch:
        last = self._epoch.instance if self._epoch is not None else ""
        epoch = await Epoch.begin(self._place, self._engine, self._vitals, self._lease, last=last)
        self._reporter.registered(epoch.instance)
        return epoch

    async def _tick(self) -> None:
        """What has to happen now and then, whatever else does."""
        while True:
            self._vitals.stats = self._engine.stats()
            self._meters.record(self._vitals.stats)
            self._vitals.ended = self._now.executor.ended
            self._lease.tell()
            self._now.check()
            await asyncio.sleep(_TICK_S)

    async def _renew(self) -> None:
        """Begin a new epoch whenever one is fenced; the engine goes on."""
        renewal = Renewal()
        while True:
            await self._now.fenced.wait()
            if self._is_leaving:
                return
            log.warning(events.WORKER_FENCED, pool=self._place.pool, worker=self._now.instance)
            await self._now.abandon()
            await asyncio.sleep(renewal.pause_s(time.monotonic() - self._now.began_s))
            self._epoch = await self._begin_epoch()

    async def _serve(self) -> None:
        """Start the engine, late if it failed before, and see to it that it serves."""
        await asyncio.sleep(self._history.pause_s)
        self._enter(WorkerState.STARTING)
        began_s = time.monotonic()
        info = await self._start_engine()
        seconds = time.monotonic() - began_s
        metrics.ENGINE_STARTS_SECONDS.labels(self._place.pool).observe(seconds)
        log.info(events.ENGINE_STARTED, pool=self._place.pool, engine=info.version, seconds=round(seconds, 3))
        self._vitals.info = info
        self._meters.slots(info.slots)
        garbage.settle()
        threads.settle()
        self._enter(WorkerState.READY)
        self._reporter.ready()
        await watch(self._engine, lambda: self._now.executor, self._place.settings.engine_stall_s)

    async def _start_engine(self) -> EngineInfo:
        warm_up = WarmUp()
        self._sink = warm_up.sink
        info = await self._engine.start(self._step)
        if self._place.settings.warmup:
            await warm_up.run(self._engine)
        self._sink = self._execute
        return info

    def _step(self, outputs: list[Output]) -> None:
        self._sink(outputs)

    def _execute(self, outputs: list[Output]) -> None:
        self._now.executor.step(outputs)

    def _enter(self, state: WorkerState) -> None:
        if not self._is_leaving:
            self._vitals.state = state
            self._lease.tell()

    async def _leave(self, life: asyncio.Task[None]) -> None:
        if self._epoch is not None:
            log.info(events.WORKER_DRAINING, pool=self._place.pool, worker=self._epoch.instance)
            self._enter(WorkerState.DRAINING)
            self._is_leaving = True
            # Where the engine dies meanwhile, there is nothing to wait for.
            life.add_done_callback(lambda _: self._now.hurry())
            await self._epoch.drain(self._place.settings.drain_grace_s)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)

    async def _fail(self, error: BaseException) -> None:
        """Say what ended us, to the host and to those who take over the jobs."""
        cause = _CAUSES.get(type(error), Cause.CRASH)
        why = str(error) or type(error).__name__
        log.error(
            _EVENTS[cause], pool=self._place.pool, why=why, exc_info=None if cause is Cause.ENGINE_DEATH else error
        )
        self._reporter.failed(cause, why)
        if self._epoch is not None:
            await self._epoch.die(why)

    async def _stop_engine(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self._engine.stop()


def _nowhere(_outputs: list[Output]) -> None:
    """The sink of an engine that has not been started."""
