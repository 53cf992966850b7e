"""What the worker host imports once, so that the workers it forks need not."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workers.engine.vllm import environment

_EVERYWHERE = (
    "workers.engine.vllm.presence",
    "workers.engine.vllm.session",
    "setproctitle",
    "transformers.models.auto.tokenization_auto",
    "vllm.entrypoints.serve.utils.fingerprint",
    "vllm.distributed.elastic_ep.elastic_execute",
    "vllm.model_executor.layers.quantization.online.base",
    "vllm.model_executor.model_loader.default_loader",
    "vllm.renderers.hf",
    "vllm.tokenizers.hf",
    "vllm.v1.core.sched.scheduler",
    "vllm.v1.engine.core",
    "vllm.v1.structured_output.backend_guidance",
    "vllm.v1.structured_output.backend_lm_format_enforcer",
    "vllm.v1.structured_output.backend_outlines",
    "vllm.v1.structured_output.backend_xgrammar",
    "vllm.v1.executor.uniproc_executor",
    "xgrammar",
)
_ON_CPU = (
    "vllm.v1.attention.backends.cpu_attn",
    "vllm.v1.worker.cpu_model_runner",
    "vllm.v1.worker.cpu_worker",
)
_ON_GPU = ("vllm.v1.worker.gpu_model_runner", "vllm.v1.worker.gpu_worker")


def preload(models: Iterable[str] = (), *, is_compiled: bool = False) -> None:
    """Import vLLM and the classes of the given model folders; afterwards a fork is cheap and shares its memory.

    Starts no thread and no torch operator: a process whose OpenMP or CUDA has started must not be forked.
    """
    environment.prepare(is_compiled=is_compiled)
    with warnings.catch_warnings(action="ignore"):
        platform = _import()
        for model in models:
            _register(Path(model))
        _override_kernels_once(platform)
    gc.collect()
    gc.freeze()
    # Libraries that count their objects at the end of a process would report the frozen ones as leaked.
    atexit.register(gc.unfreeze)


def _import() -> Any:
    """Import everything that a worker or its EngineCore would; returns vLLM's platform."""
    for module in _EVERYWHERE:
        importlib.import_module(module)
    platform = importlib.import_module("vllm.platforms").current_platform
    for module in _ON_CPU if platform.is_cpu() else _ON_GPU:
        importlib.import_module(module)
    importlib.import_module("vllm.plugins").load_general_plugins()
    return platform


def _register(folder: Path) -> None:
    """Have vLLM look at the model's class here; otherwise each first use starts a process of 20 s to inspect it."""
    registry = importlib.import_module("vllm.model_executor.models").ModelRegistry
    try:
        architectures = json.loads((folder / "config.json").read_text())["architectures"]
    except (OSError, ValueError, KeyError):
        # Not a folder with a configuration: the worker that serves it will say so.
        return
    for name in set(architectures) & registry.models.keys():
        registry.register_model(name, registry.models[name].load_model_cls())


def _override_kernels_once(platform: Any) -> None:
    """Replace the platform's kernels here, where every module is; the search through them takes EngineCore 0.4 s."""
    platform.register_triton_kernel_overrides()
    platform.register_triton_kernel_overrides = _overridden


def _overridden() -> None:
    """What a forked EngineCore calls instead: its modules are the host's."""
