"""What the vLLM engine is told at its start."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]


class VllmSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model and how to serve it; where a field is None, vLLM decides."""

    #: Folder (or hub name) of the model.
    model: str
    #: float32 makes a continued greedy generation equal to an uncut one; bfloat16 is faster.
    dtype: str = "float32"
    #: Context length in tokens: prompt + generated.
    max_model_len: Count | None = None
    #: Generations side by side (vLLM's max_num_seqs).
    slots: Count = 64
    #: None: 64 MiB on a CPU, elsewhere what vLLM finds free.
    kv_cache_memory_bytes: Count | None = None
    #: Tokens per KV cache block.
    block_size: Count | None = None
    #: None: on a CPU only. There a compiled model is half as fast again, but the first start takes a C++ compiler and
    #: half a minute.
    enforce_eager: bool | None = None
    #: Any further argument of vLLM's AsyncEngineArgs, by its Python name; wins over the fields above.
    engine_args: dict[str, Any] = {}
    #: Prompts that run before the engine counts as started.
    warm_up: tuple[str, ...] = ("Hello",)
    #: Names of vLLM's parsers for the model's tool calls and reasoning; None: the model has none.
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    #: How much processor time, and memory, compiling one answer's grammar may take; beyond, the request is refused.
    grammar_timeout_s: float = 10.0
    grammar_memory_mb: int = 256
    #: Jinja source that replaces the model's own chat template.
    chat_template: str | None = None

    @property
    def is_compiled(self) -> bool:
        """Whether a model is compiled even where that is not the rule."""
        return self.enforce_eager is False
