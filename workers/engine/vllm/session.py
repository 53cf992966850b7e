"""One life of EngineCore: which generations run on it, and its steps as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vllm.v1.engine import EngineCoreOutputs, EngineCoreRequest

from penstock.engine_stats import EngineStats
from penstock.errors import EngineDeadError
from workers.engine.base import Finish, Generation, Output, StepSink
from workers.engine.serving import ServingRequest, ServingTranscript
from workers.engine.vllm.core import Core, load
from workers.engine.vllm.gauges import EngineGauges
from workers.engine.vllm.limits import is_complete
from workers.engine.vllm.outputs import engine_output
from workers.engine.vllm.sampling import is_stop
from workers.engine.vllm.serving import Serving
from workers.engine.vllm.serving_transcript import ServingGeneration, open_transcript
from workers.engine.vllm.settings import VllmSettings


class Session:
    """The generations on one EngineCore; what it says about any other is dropped."""

    def __init__(self, core: Core, settings: VllmSettings) -> None:
        self.core = core
        self._serving = Serving(core, settings)
        self._gauges = EngineGauges()
        #: EngineCore's request id -> (generation id, choice).
        self._targets: dict[str, tuple[str, int]] = {}
        #: Generation id -> its requests that still run.
        self._requests: dict[str, set[str]] = {}
        #: Generation id -> the field that its grammar comes from.
        self._grammars: dict[str, str] = {}

    @property
    def stats(self) -> EngineStats:
        """Figures as of the last step."""
        return self._gauges.now

    @property
    def busy(self) -> bool:
        """Whether any generation runs."""
        return bool(self._requests)

    async def submit(self, generation: Generation, sink: StepSink) -> None:
        """Begin a generation; one that already has all its tokens only ends. Raises as Engine.submit."""
        if is_complete(generation, self.core.info.max_model_len):
            self._end(Output(id=generation.id, tokens=[], finish=Finish.LENGTH), sink)
            return
        requests = await self._requested(generation)
        if generation.done and is_stop(requests[0].sampling_params, generation.done[-1]):
            self._end(Output(id=generation.id, tokens=[], finish=Finish.STOP, stop_token=generation.done[-1]), sink)
            return
        await self._send(generation.id, requests, _grammar_field(generation))

    async def _requested(self, generation: Generation) -> Sequence[EngineCoreRequest]:
        return (
            generation.requests if isinstance(generation, ServingGeneration) else (await self.core.request(generation),)
        )

    def _end(self, output: Output, sink: StepSink) -> None:
        asyncio.get_running_loop().call_soon(sink, [output])

    async def open_serving(self, request: ServingRequest) -> ServingTranscript:
        """Prepare an engine-written answer. Raises InvalidRequestError."""
        return await open_transcript(self.core, self._serving, request)

    async def _send(self, id_: str, requests: Sequence[EngineCoreRequest], grammar_field: str | None) -> None:
        if grammar_field is not None:
            self._grammars[id_] = grammar_field
        self._requests[id_] = {request.request_id for request in requests}
        self._targets |= {request.request_id: (id_, index) for index, request in enumerate(requests)}
        try:
            for request in requests:
                await self.core.send(request)
                if len(requests) > 1:
                    # Its queue takes all at once, and the steps of others do not wait for that.
                    await asyncio.sleep(0)
                    if id_ not in self._requests:
                        # Cancelled meanwhile, those that were not sent included.
                        return
        except EngineDeadError:
            self._forget(id_)
            raise

    async def cancel(self, ids: Sequence[str]) -> None:
        """Stop generations at once."""
        await self.core.abort([request for id_ in ids for request in self._forget(id_)])

    async def run(self, sink: StepSink) -> None:
        """Pass on every step until EngineCore is gone."""
        while True:
            try:
                step = await self.core.step()
            except EngineDeadError:
                return
            if outputs := self.take(step):
                sink(outputs)

    def take(self, step: EngineCoreOutputs) -> list[Output]:
        """What a step means for the generations that run here."""
        self._gauges.record(step)
        outputs = []
        for raw in step.outputs:
            target = self._targets.get(raw.request_id)
            if target is None:
                continue
            outputs.append(engine_output(raw, *target, self._grammars.get(target[0])))
            if raw.finish_reason is not None:
                self._finished(raw.request_id, target[0])
        return outputs

    def _finished(self, request_id: str, id_: str) -> None:
        del self._targets[request_id]
        self._requests[id_].discard(request_id)
        if not self._requests[id_]:
            del self._requests[id_]
            self._grammars.pop(id_, None)

    def _forget(self, id_: str) -> set[str]:
        requests = self._requests.pop(id_, set())
        self._grammars.pop(id_, None)
        for request in requests:
            del self._targets[request]
        return requests


def _grammar_field(generation: Generation) -> str | None:
    if isinstance(generation, ServingGeneration):
        return generation.grammar_field
    constraint = generation.sampling.constraint
    return constraint.field if constraint else None


def open_session(settings: VllmSettings) -> Session:
    """Start EngineCore for `settings`. Blocks."""
    return Session(load(settings), settings)
