"""The frontend's half of vLLM: checks requests, sends them to EngineCore and receives its steps, undecoded to text.

This goes below AsyncLLM, whose per-request queues and detokenising cost three times as much per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import vllm
from vllm.config import VllmConfig
from vllm.inputs import EngineInput, tokens_input
from vllm.renderers import renderer_from_config
from vllm.sampling_params import SamplingParams, StructuredOutputsParams
from vllm.tasks import GENERATION_TASKS
from vllm.v1.engine import EngineCoreOutputs, EngineCoreRequest
from vllm.v1.engine.core_client import EngineCoreClient
from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError
from vllm.v1.engine.input_processor import InputProcessor
from vllm.v1.executor import Executor

from penstock.errors import EngineDeadError
from penstock.request import Sampling
from workers.engine.base import EngineInfo, Generation
from workers.engine.vllm.config import engine_config
from workers.engine.vllm.descent import bind_children
from workers.engine.vllm.faults import client_faults
from workers.engine.vllm.grammars import manager
from workers.engine.vllm.grammars.backend import open_backend
from workers.engine.vllm.grammars.trial import Room
from workers.engine.vllm.grammars.trials import Trials
from workers.engine.vllm.runner_limits import RunnerLimits
from workers.engine.vllm.sampling import engine_sampling, grammar
from workers.engine.vllm.settings import VllmSettings

_STOP_GRACE_S = 5.0


class Core:
    """One running EngineCore process and what it takes to speak to it."""

    def __init__(self, config: VllmConfig, settings: VllmSettings) -> None:
        self.config = config
        self.renderer = renderer_from_config(config)
        self.inputs = InputProcessor(config, self.renderer)
        # Trials check grammars, where it holds nobody up.
        self.inputs.structured_outputs_config = None
        self._limits = RunnerLimits.of(config)
        self._trials = _trials(config, self.renderer.get_tokenizer(), settings)
        self._client = EngineCoreClient.make_async_mp_client(
            vllm_config=config, executor_class=Executor.get_class(config), log_stats=True, renderer=self.renderer
        )

    @property
    def info(self) -> EngineInfo:
        """What the engine settled on; the context may be shorter than asked for, to fit the memory."""
        return EngineInfo(
            max_model_len=self.config.model_config.max_model_len,
            slots=self.config.scheduler_config.max_num_seqs,
            version=f"vllm {vllm.__version__}",
        )

    @property
    def vocabulary_tokens(self) -> int:
        """The width of the model's last layer."""
        return int(self.config.model_config.get_vocab_size())

    @property
    def dead(self) -> bool:
        """Whether EngineCore is gone, or the process that tries grammars for it."""
        return bool(self._client.resources.engine_dead) or self._trials.is_dead

    def encode(self, text: str) -> list[int]:
        """A text's tokens by the model's own library."""
        return list(self.renderer.get_tokenizer().encode(text))

    async def request(self, generation: Generation) -> EngineCoreRequest:
        """A plain generation as EngineCore takes it. Raises InvalidRequestError."""
        params = engine_sampling(generation.sampling, generation.done)
        prompt = tokens_input([*generation.prompt, *generation.done])
        constraint = generation.sampling.constraint
        if constraint is not None:
            params.structured_outputs = await self.tried(params.structured_outputs, constraint.field)
        return self.checked(
            generation.id, prompt, params, generation.priority, grammar_field=constraint.field if constraint else None
        )

    async def check(self, sampling: Sampling) -> None:
        """See whether EngineCore can be given a generation's grammar. Raises InvalidRequestError."""
        if sampling.constraint is not None:
            await self.tried(grammar(sampling.constraint), sampling.constraint.field)

    async def tried(self, wanted: StructuredOutputsParams, field: str) -> StructuredOutputsParams:
        """A grammar that was compiled once, within its limits. Raises InvalidRequestError, EngineDeadError."""
        return await self._trials.tried(wanted, field)

    def checked(
        self, id_: str, prompt: EngineInput, params: SamplingParams, priority: int, *, grammar_field: str | None
    ) -> EngineCoreRequest:
        """Apply vLLM's own checks and the model's defaults. Raises InvalidRequestError."""
        with client_faults(grammar_field):
            request = self.inputs.process_inputs(id_, prompt, params, GENERATION_TASKS, priority=priority)
        if self._limits is not None:
            self._limits.check(request.sampling_params)
            self._limits.trim(request.sampling_params)
        return request

    async def send(self, request: EngineCoreRequest) -> None:
        """Queue a request in EngineCore. Raises EngineDeadError."""
        try:
            await self._client.add_request_async(request)
        except VllmDeadError as error:
            raise EngineDeadError(str(error)) from error

    async def step(self) -> EngineCoreOutputs:
        """Wait for the next step. Raises EngineDeadError."""
        try:
            return await self._client.get_output_async()
        except VllmDeadError as error:
            raise EngineDeadError(str(error)) from error

    async def abort(self, ids: Sequence[str]) -> None:
        """Have EngineCore forget requests; unknown ids do no harm."""
        await self._client.abort_requests_async(list(ids))

    def end(self) -> None:
        """End EngineCore, after a grace by force; its sockets are closed by the event loop then. Blocks."""
        self._trials.close()
        self._client.shutdown(timeout=_STOP_GRACE_S)
        self.renderer.shutdown()

    def release(self) -> None:
        """Free what the sockets needed: once they are closed, or the event loop still reads from them. Blocks."""
        self._client.resources.ctx.term()


def load(settings: VllmSettings) -> Core:
    """Start EngineCore and wait until its model is loaded. Blocks; the calling thread must outlive the engine."""
    bind_children()
    if torch.cpu._is_amx_tile_supported():  # noqa: SLF001 - torch offers this under no public name
        # The kernel grants the tile registers per process and over a fork; vLLM's warm-up, which asks for them, is
        # skipped in some configurations, and the first short prompt then ends the engine with SIGILL.
        torch.cpu._init_amx()  # noqa: SLF001 - as above
    return Core(engine_config(settings), settings)


def _trials(config: VllmConfig, tokenizer: Any, settings: VllmSettings) -> Trials:
    """Open what compiles grammars; processes that are forked from now on inherit it, EngineCore first."""
    backend = open_backend(config, tokenizer)
    manager.install(backend)
    room = Room(config, tokenizer, backend, settings.grammar_memory_mb)
    return Trials(room, timeout_s=settings.grammar_timeout_s)
