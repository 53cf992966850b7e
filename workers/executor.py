"""Runs the jobs of one instance on its engine: from claim to result, hand-back or cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from penstock.errors import ApiError, EngineDeadError, EngineFailedError
from penstock.frames import End, Failure
from penstock.job import State
from penstock.telemetry import events, logs, metrics
from workers.engine.base import Finish, Output
from workers.job import generation_span
from workers.job.answer import EngineAnswer
from workers.job.plan import Plan, is_quick, plan
from workers.job.run import Run

if TYPE_CHECKING:
    from penstock.broker.holding import Claimed, Held
    from workers.checking import Checking
    from workers.emitter import Emitter
    from workers.engine.base import Engine

log = logs.get()


class Executor:
    """What one instance is doing.

    A run is open from claim until Redis has taken its end or its hand-back, and generates in between.
    """

    def __init__(
        self,
        engine: Engine,
        emitter: Emitter,
        pool: str,
        instance: str,
        checking: Checking,
    ) -> None:
        self._engine = engine
        self._emitter = emitter
        self._pool = pool
        self._instance = instance
        self._checking = checking
        #: By generation id.
        self._generating: dict[str, Run] = {}
        #: By job id.
        self._open: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: What ended one of them: none should end so.
        self._error: BaseException | None = None
        self._is_draining = False
        #: Set while no run is open.
        self.idle = asyncio.Event()
        self.idle.set()
        #: Jobs that have ended here.
        self.ended = 0
        #: Engine steps so far.
        self.steps = 0

    @property
    def is_generating(self) -> bool:
        """Whether the engine owes us tokens."""
        return bool(self._generating)

    def check(self) -> None:
        """Raises whatever ended a task, for jobs then wait that nobody goes on with."""
        if self._error is not None:
            raise self._error

    def holds(self, held: Held) -> bool:
        """Whether a job's run is open under this assignment."""
        run = self._open.get(held.job)
        return run is not None and run.fence == held.fence

    async def begin(self, claimed: Claimed, *, is_forgotten: bool = False) -> None:
        """Take up a job that was claimed; one that was taken up before, and that we know nothing of, goes back.

        Its clients may have tokens of it: under a new fence theirs and the new ones are compared.
        """
        run = Run(claimed)
        run.span = generation_span.start(claimed, self._pool, self._instance)
        self._supersede(run)
        self._emitter.open(run)
        if claimed.cancel:
            self._end(run, run.ending(State.CANCELLED))
        elif is_forgotten or self._is_draining:
            self._return(run)
        else:
            await self._take_up(run, claimed)

    def step(self, outputs: Iterable[Output]) -> None:
        """The engine's sink."""
        self.steps += 1
        find = self._generating.get
        for output in outputs:
            run = find(output.id)
            if run is None:
                continue
            try:
                if output.finish is not None:
                    self._take_last(run, output)
                elif not run.take(output):
                    self._complete(run, output)
            except Exception as error:  # noqa: BLE001 - one job's trouble must not end the engine's step for all
                self._fail(run, error)
        self._emitter.send()

    async def cancel(self, job_id: str, fence: int) -> None:
        """A job is to end; one that was assigned again since is another matter."""
        run = self._open.get(job_id)
        if run is not None and run.fence <= fence and not run.is_closing:
            self._end(run, run.ending(State.CANCELLED))
            await self._cancel(run)

    def attach(self, job_id: str, listener: str, offset: int) -> None:
        """An ingress wants a job's tokens; if it is not here, the ingress will ask again."""
        run = self._open.get(job_id)
        if run is not None:
            run.attach(listener)
            self._emitter.attach(run, listener.partition(":")[2], offset)

    def stop_taking(self) -> None:
        """From now on what is claimed goes straight back."""
        self._is_draining = True

    async def hand_back_all(self) -> None:
        """Give up whatever is not finished; others go on with it."""
        runs = [run for run in self._open.values() if not run.is_closing]
        for run in runs:
            self._return(run)
        await self._cancel(*runs)

    async def forget_all(self) -> None:
        """Nothing here is ours any more."""
        runs = list(self._open.values())
        for run in runs:
            self._stop_generating(run)
            run.span.end("fenced")
        self._open.clear()
        self._generating.clear()
        self.idle.set()
        await self._cancel(*runs)

    def closed(self, run: Run, reply: str) -> None:
        """Redis took a run's end or hand-back, or said that the job is no longer ours."""
        if self._open.get(run.job) is run:
            del self._open[run.job]
        if not self._open:
            self.idle.set()
        generation_span.end(run)
        if reply == "queued":
            metrics.HANDED_BACK.labels(self._pool).inc()
        elif reply in ("finished", "repeated") and run.end is not None:
            self.ended += 1
            metrics.child(metrics.JOBS, self._pool, run.end.state).inc()

    def _supersede(self, run: Run) -> None:
        """Open a run; the same job under an older fence is not ours any more."""
        older = self._open.get(run.job)
        if older is not None:
            self._stop_generating(older)
            self._spawn(self._cancel(older))
        self._open[run.job] = run
        self.idle.clear()

    async def _take_up(self, run: Run, claimed: Claimed) -> None:
        if is_quick(claimed) and not self._checking.suspects(claimed):
            await self._start(run, claimed)
        else:
            self._checking.add(run, claimed, self._spawn(self._start(run, claimed)))

    async def _start(self, run: Run, claimed: Claimed) -> None:
        try:
            try:
                await self._checking.begin(run)
                planned = await plan(claimed, run.id, self._engine, dict(run.span.headers))
            finally:
                self._checking.planned(run)
            if not run.is_closing:
                await self._generate(run, planned)
        except EngineDeadError:
            # Whoever watches the engine sees it too, and all its jobs go elsewhere.
            return
        except Exception as error:  # noqa: BLE001 - a request that trips us up fails; its worker goes on
            self._fail(run, error)

    async def _generate(self, run: Run, planned: Plan) -> None:
        run.prompt_tokens = planned.prompt_tokens
        run.answer = planned.answer
        run.retrace = planned.retrace
        self._generating[run.id] = run
        if planned.finish is not None:
            self.step([Output(run.id, [], planned.finish)])
            return
        await self._engine.submit(planned.generation)
        if run.is_closing:
            # It was cancelled before the engine knew it.
            await self._cancel(run)

    def _take_last(self, run: Run, output: Output) -> None:
        """Take the last output of a generation; the answer goes on where that was one of several choices."""
        if output.finish is Finish.ERROR:
            raise output.refusal or EngineFailedError(output.error or "The engine reported an error for this request.")
        if output.finish is Finish.ABORT:
            self._end(run, run.ending(State.CANCELLED))
        elif not run.take(output):
            self._complete(run, output)

    def _complete(self, run: Run, output: Output) -> None:
        if run.retrace is not None:
            run.retrace.check_end()
        if isinstance(run.answer, EngineAnswer):
            del self._generating[run.id]
            self._spawn(self._complete_engine_written(run, run.answer))
            return
        if output.finish is None:
            # A stop string is our matter: the engine would go on.
            self._spawn(self._cancel(run))
        self._end(run, run.completion)

    async def _complete_engine_written(self, run: Run, answer: EngineAnswer) -> None:
        """A choice that a stop string ended may still run in the engine, and a body may have to be written."""
        await self._cancel(run)
        try:
            run.response = await answer.body()
        except Exception as error:  # noqa: BLE001 - one job's trouble
            self._fail(run, error)
        else:
            if not run.is_closing:
                self._end(run, run.completion)

    def _fail(self, run: Run, error: Exception) -> None:
        if run.is_closing:
            return
        if not isinstance(error, ApiError):
            log.error(events.JOB_FAILED, job=run.job, exc_info=error)
            error = EngineFailedError("The worker could not handle this request.")
        elif error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning(events.JOB_FAILED, job=run.job, error=type(error).__name__, message=error.message)
        if run.id in self._generating:
            self._spawn(self._cancel(run))
        failure = Failure(type(error).__name__, error.message, error.param)
        self._end(run, run.ending(State.FAILED, failure=failure))

    def _end(self, run: Run, end: End) -> None:
        self._stop_generating(run)
        self._emitter.end(run, end)

    def _return(self, run: Run) -> None:
        self._stop_generating(run)
        self._emitter.hand_back(run)

    def _stop_generating(self, run: Run) -> None:
        run.is_closing = True
        self._generating.pop(run.id, None)
        self._checking.drop(run)

    async def _cancel(self, *runs: Run) -> None:
        # A dead engine has stopped already.
        with suppress(EngineDeadError):
            await self._engine.cancel([run.id for run in runs])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spent)
        return task

    def _spent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and self._error is None:
            self._error = task.exception()
