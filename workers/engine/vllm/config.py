"""From our settings to vLLM's configuration."""

from __future__ import annotations

import os
from typing import Any

from vllm.config import ReasoningConfig, StructuredOutputsConfig, VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext

from workers.engine.vllm.grammars import backend
from workers.engine.vllm.sampling import PRESENCE_PROCESSOR
from workers.engine.vllm.settings import VllmSettings

_CPU_KV_CACHE_BYTES = 64 << 20
#: Tokens of new prompts that a step computes, for which all other generations wait: with vLLM's own 2,048 a tenth of a
#: second for the demo model on a core. Prompts are computed no slower in smaller steps.
_CPU_STEP_TOKENS = 512
#: Arguments that vLLM writes others into (`reasoning_parser`), and so takes as objects only.
_OBJECTS = {"structured_outputs_config": StructuredOutputsConfig, "reasoning_config": ReasoningConfig}


_SERVER = UsageContext.OPENAI_API_SERVER


class _EngineArgs(AsyncEngineArgs):
    """vLLM's arguments with a shorter step on a CPU, where a model can have its prompts computed in several."""

    # vLLM's is of the class, which does not know that a step holds a token of each generation at least.
    def get_batch_defaults(
        self, world_size: int
    ) -> tuple[dict[UsageContext | None, int], dict[UsageContext | None, int]]:
        """The tokens and the generations of a step, by what the engine is used for."""
        tokens, generations = super().get_batch_defaults(world_size)
        if current_platform.is_cpu():
            tokens[_SERVER] = max(_CPU_STEP_TOKENS * world_size, self.max_num_seqs or 0)
        return tokens, generations


def engine_config(settings: VllmSettings) -> VllmConfig:
    """Build and check vLLM's configuration, so that EngineCore will be forked from this process."""
    on_cpu = current_platform.is_cpu()
    if on_cpu:
        # Otherwise the platform replaces the in-process executor by one more process.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    # On a large GPU a server's step may hold four times the tokens that vLLM has for who does not say what it is.
    config = _EngineArgs(**_arguments(settings, on_cpu=on_cpu)).create_engine_config(_SERVER)
    # The CPU platform forces "spawn" above; a fork saves importing torch and vLLM once more.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
    if config.structured_outputs_config.backend == "auto":
        config.structured_outputs_config.backend = backend.DEFAULT
    # Elsewhere there is no place for it: a token from both sides of a cut then pays its presence penalty twice.
    if not config.use_v2_model_runner and config.speculative_config is None:
        config.model_config.logits_processors = [*(config.model_config.logits_processors or ()), PRESENCE_PROCESSOR]
    return config


def _arguments(settings: VllmSettings, *, on_cpu: bool) -> dict[str, Any]:
    arguments = {
        "model": settings.model,
        "dtype": settings.dtype,
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.slots,
        "kv_cache_memory_bytes": settings.kv_cache_memory_bytes or (_CPU_KV_CACHE_BYTES if on_cpu else None),
        "block_size": settings.block_size,
        "enforce_eager": on_cpu if settings.enforce_eager is None else settings.enforce_eager,
        "scheduling_policy": "priority",
        "reasoning_parser": settings.reasoning_parser,
        "distributed_executor_backend": "uni" if on_cpu else None,
        "disable_log_stats": False,
        "use_tqdm_on_load": False,
    }
    given = {
        name: _OBJECTS[name](**value) if name in _OBJECTS and isinstance(value, dict) else value
        for name, value in settings.engine_args.items()
    }
    return {name: value for name, value in arguments.items() if value is not None} | given
