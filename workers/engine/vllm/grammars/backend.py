"""The library that compiles a pool's grammars: opened once, before the processes that use it are forked."""

from __future__ import annotations

import importlib
from typing import Any

from vllm.config import VllmConfig
from vllm.v1.structured_output.backend_types import StructuredOutputBackend

#: What vLLM takes where nothing is said. Its "auto" would check some requests by another library than compiles them.
DEFAULT = "xgrammar"

_CLASSES = {
    "xgrammar": ("backend_xgrammar", "XgrammarBackend"),
    "guidance": ("backend_guidance", "GuidanceBackend"),
    "outlines": ("backend_outlines", "OutlinesBackend"),
    "lm-format-enforcer": ("backend_lm_format_enforcer", "LMFormatEnforcerBackend"),
}


def open_backend(config: VllmConfig, tokenizer: Any) -> StructuredOutputBackend:
    """The backend that a pool's configuration names. Raises for a tokenizer that it does not know."""
    module, name = _CLASSES[config.structured_outputs_config.backend]
    made = getattr(importlib.import_module(f"vllm.v1.structured_output.{module}"), name)
    backend: StructuredOutputBackend = made(
        config, tokenizer=tokenizer, vocab_size=config.model_config.get_vocab_size()
    )
    return backend
