"""The Engine that plays scripts: a timer per step, a token per running generation and step, one sink call per step."""

from __future__ import annotations

import asyncio
import enum
import heapq
import itertools
import os
import signal
from typing import TYPE_CHECKING

from penstock.engine_stats import EngineStats
from penstock.errors import EngineDeadError, EngineStartError
from penstock.text.sim_tokenizer import VOCABULARY_SIZE, SimulatedTokenizer
from workers.engine.base import EngineInfo, Finish, Output
from workers.engine.simulated.injection import requested_failure, seize_interpreter
from workers.engine.simulated.latency import step_s
from workers.engine.simulated.prefilling import Prefilling
from workers.engine.simulated.prefix_cache import PrefixCache
from workers.engine.simulated.refusal import refuse_unfit
from workers.engine.simulated.run import SimulatedRun
from workers.engine.simulated.script import prepare, script
from workers.engine.simulated.settings import InjectedFailure, InjectedFailureKind, SimulatedSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.request import Sampling
    from penstock.text.tokenizer import Tokenizer
    from workers.engine.base import Generation, StepSink

#: A process that was stopped for longer does not make up for the steps it missed.
_MAX_LAG_S = 1.0
#: Event loops may fire a timer this much early.
_TIMER_SLACK_S = 0.001


class _Condition(enum.Enum):
    NOT_STARTED = "has not been started"
    SERVING = "serves"
    HUNG = "hangs"
    DEAD = "died, as it was told to"
    STOPPED = "has been stopped"


class SimulatedEngine:
    """An Engine without a model. A generation waits for a slot and KV blocks, is prefilled, then decodes in step.

    The first token comes at the end of the prefill, the others with the steps that all running generations share.
    """

    def __init__(self, settings: SimulatedSettings) -> None:
        self._settings = settings
        self._tokenizer = SimulatedTokenizer()
        self._cache = PrefixCache(settings.kv_blocks, settings.block_size)
        self._condition = _Condition.NOT_STARTED
        #: All that have not ended, in whichever stage.
        self._runs: dict[str, SimulatedRun] = {}
        #: By priority, then arrival; may hold runs that were cancelled since.
        self._waiting: list[tuple[int, int, SimulatedRun]] = []
        self._arrivals = itertools.count()
        self._prefilling = Prefilling(settings)
        self._decoding: dict[str, SimulatedRun] = {}
        self._prefill_timer: asyncio.TimerHandle | None = None
        self._step_at_s = 0.0
        self._step_timer: asyncio.TimerHandle | None = None
        self._prompt_tokens = self._generated_tokens = 0
        self._prefix_queries = self._prefix_hits = 0

    @property
    def tokenizer(self) -> Tokenizer:
        """The simulated vocabulary."""
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """As it was told."""
        return self._settings.max_model_len

    @property
    def vocabulary_tokens(self) -> int:
        """Of the simulated vocabulary."""
        return VOCABULARY_SIZE

    async def start(self, sink: StepSink) -> EngineInfo:
        """Be ready at once; afterwards `sink` receives every step. Raises EngineStartError if told to fail."""
        if self._settings.fail_start:
            raise EngineStartError("The simulated engine was told not to start.")
        prepare()
        self._loop = asyncio.get_running_loop()
        self._sink = sink
        self._condition = _Condition.SERVING
        return EngineInfo(max_model_len=self._settings.max_model_len, slots=self._settings.slots, version="simulated 1")

    async def check(self, sampling: Sampling) -> None:
        """No form is enforced here."""

    async def submit(self, generation: Generation) -> None:
        """Begin a generation. Raises InvalidRequestError (the client's fault) or EngineDeadError."""
        await self.health()
        refuse_unfit(generation, self._settings)
        plan = script(self._settings, generation.prompt, generation.sampling)
        run = SimulatedRun.of(generation, plan, self._failure_of(generation))
        self._runs[run.id] = run
        heapq.heappush(self._waiting, (generation.priority, next(self._arrivals), run))
        self._admit()

    async def cancel(self, ids: Sequence[str]) -> None:
        """Stop generations at once; unknown ids are ignored."""
        for id_ in ids:
            run = self._runs.get(id_)
            if run is not None:
                self._release(run)
        if self._condition is _Condition.SERVING:
            self._prefilling.close_up(self._loop.time())
            self._rearm_prefill_timer()
        self._admit()

    def stats(self) -> EngineStats:
        """Figures for metrics and scheduling."""
        running = len(self._prefilling) + len(self._decoding)
        return EngineStats(
            running=running,
            waiting=len(self._runs) - running,
            kv_cache_usage=self._cache.usage,
            prefix_queries=self._prefix_queries,
            prefix_hits=self._prefix_hits,
            prompt_tokens=self._prompt_tokens,
            generated_tokens=self._generated_tokens,
        )

    async def health(self) -> None:
        """Return if the engine can serve, or hangs without knowing; raises EngineDeadError otherwise."""
        if self._condition not in (_Condition.SERVING, _Condition.HUNG):
            raise EngineDeadError(f"The simulated engine {self._condition.value}.")

    async def stop(self) -> None:
        """End the engine; safe to call twice."""
        self._halt(_Condition.STOPPED)
        self._runs.clear()
        self._waiting.clear()
        self._prefilling.clear()
        self._decoding.clear()

    def _failure_of(self, generation: Generation) -> InjectedFailure | None:
        if not self._settings.allow_injection:
            return self._settings.failure
        return requested_failure(self._tokenizer.decode(generation.prompt)) or self._settings.failure

    def _admit(self) -> None:
        """Move waiting runs to prefill while there are slots and blocks."""
        while self._waiting and self._condition is _Condition.SERVING:
            run = self._waiting[0][2]
            if self._runs.get(run.id) is run:
                if len(self._prefilling) + len(self._decoding) >= self._settings.slots:
                    return
                run.hold = self._cache.acquire(run.context, run.total_tokens)
                if run.hold is None:
                    return
                self._prefill(run, run.hold.cached_tokens)
            heapq.heappop(self._waiting)

    def _prefill(self, run: SimulatedRun, cached_tokens: int) -> None:
        tokens = len(run.context)
        self._prompt_tokens += tokens
        self._prefix_queries += tokens
        self._prefix_hits += cached_tokens
        run.cached_tokens = cached_tokens
        self._prefilling.add(run, tokens - cached_tokens, self._loop.time())
        self._arm_prefill_timer()

    def _rearm_prefill_timer(self) -> None:
        if self._prefill_timer is not None:
            self._prefill_timer.cancel()
            self._prefill_timer = None
        self._arm_prefill_timer()

    def _arm_prefill_timer(self) -> None:
        ready_s = self._prefilling.next_ready_s
        if ready_s is not None and self._prefill_timer is None:
            self._prefill_timer = self._loop.call_at(ready_s, self._end_prefill)

    def _arm_step_timer(self) -> None:
        if self._decoding and self._step_timer is None:
            self._step_timer = self._loop.call_at(self._step_at_s, self._step)

    def _end_prefill(self) -> None:
        """Give every run whose prompt is processed its first token; it joins the next step."""
        self._prefill_timer = None
        now_s = self._loop.time()
        ready = self._prefilling.take_ready(now_s + _TIMER_SLACK_S)
        self._decoding |= {run.id: run for run in ready}
        if self._step_timer is None:
            self._step_at_s = now_s + step_s(self._settings, len(self._decoding))
        self._play(ready)
        for run in ready:
            run.cached_tokens = 0

    def _step(self) -> None:
        """Give every decoding run its next token, at the fixed pace of the step before."""
        self._step_timer = None
        earliest_s = self._loop.time() - _MAX_LAG_S
        self._step_at_s = max(self._step_at_s, earliest_s) + step_s(self._settings, len(self._decoding))
        self._play(self._decoding.values())

    def _play(self, runs: Iterable[SimulatedRun]) -> None:
        outputs: list[Output] = []
        turning: list[SimulatedRun] = []
        for run in runs:
            position = run.position
            if position < run.turning_point:
                run.position = position + 1
                outputs.append(Output(run.id, [run.tokens[position]], None, None, run.cached_tokens))
            else:
                turning.append(run)
        self._generated_tokens += len(outputs)
        for run in turning:
            last = self._turn(run)
            self._generated_tokens += len(last.tokens)
            outputs.append(last)
        if self._condition is not _Condition.SERVING:
            return
        self._admit()
        self._arm_prefill_timer()
        self._arm_step_timer()
        if outputs:
            self._sink(outputs)

    def _turn(self, run: SimulatedRun) -> Output:
        """The output at a run's turning point, where it ends unless the whole engine does."""
        if run.failure is not None and run.position == run.failure.at_token - 1:
            if run.failure.kind is not InjectedFailureKind.SEIZE:
                return self._fail(run, run.failure.kind)
            seize_interpreter(self._settings.seizure_s)
            if run.survives():
                return run.next_output()
        output = run.last_output()
        self._release(run)
        return output

    def _fail(self, run: SimulatedRun, kind: InjectedFailureKind) -> Output:
        match kind:
            case InjectedFailureKind.CRASH:
                os.kill(os.getpid(), signal.SIGKILL)
            case InjectedFailureKind.HANG:
                self._halt(_Condition.HUNG)
            case InjectedFailureKind.DIE:
                self._halt(_Condition.DEAD)
            case InjectedFailureKind.ERROR:
                self._release(run)
        return Output(run.id, [], Finish.ERROR, error="The simulated engine was told to fail this generation.")

    def _release(self, run: SimulatedRun) -> None:
        del self._runs[run.id]
        self._prefilling.drop(run.id)
        self._decoding.pop(run.id, None)
        if run.hold is not None:
            self._cache.release(run.hold, run.context)

    def _halt(self, condition: _Condition) -> None:
        self._condition = condition
        for timer in (self._prefill_timer, self._step_timer):
            if timer is not None:
                timer.cancel()
        self._prefill_timer = self._step_timer = None
