"""What the vLLM engine is told at its start."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]


class VllmSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model and how to serve it; where a field is None, vLLM decides."""

    model: Annotated[str, Meta(description="Folder (or hub name) of the model.")]
    dtype: Annotated[
        str, Meta(description="float32 makes a continued greedy generation equal to an uncut one; bfloat16 is faster.")
    ] = "float32"
    max_model_len: Annotated[
        Count | None, Meta(description="Context length in tokens: prompt + generated; none: the model's own.")
    ] = None
    slots: Annotated[Count, Meta(description="Generations side by side (vLLM's max_num_seqs).")] = 64
    kv_cache_memory_bytes: Annotated[
        Count | None, Meta(description="Bytes of the KV cache; none: 64 MiB on a CPU, elsewhere what vLLM finds free.")
    ] = None
    block_size: Annotated[Count | None, Meta(description="Tokens per KV cache block.")] = None
    # On a CPU a compiled model is half as fast again, but its first start takes a C++ compiler and half a minute.
    enforce_eager: Annotated[
        bool | None, Meta(description="Whether the model runs uncompiled; none: on a CPU only.")
    ] = None
    engine_args: Annotated[
        dict[str, Any],
        Meta(
            description="Any further argument of vLLM's AsyncEngineArgs, by its Python name; wins over the options "
            "above."
        ),
    ] = {}
    warm_up: Annotated[tuple[str, ...], Meta(description="Prompts that run before the engine counts as started.")] = (
        "Hello",
    )
    tool_parser: Annotated[
        str | None,
        Meta(
            description="vLLM's parser for the model's tool calls; none: a tool is called only where `tool_choice` "
            "names one or is `required`."
        ),
    ] = None
    reasoning_parser: Annotated[
        str | None,
        Meta(
            description="vLLM's parser for the model's reasoning, which then comes in a field of its own; every "
            "process of the pool must know it, and each chat takes the longer way through vLLM's serving "
            "code."
        ),
    ] = None
    grammar_timeout_s: Annotated[
        float,
        Meta(
            description="Seconds of processor time that compiling one answer's grammar may take; beyond, the request "
            "is refused."
        ),
    ] = 10.0
    grammar_memory_mb: Annotated[int, Meta(description="MiB of memory that it may take.")] = 256
    chat_template: Annotated[
        str | None,
        Meta(
            description="Jinja source that replaces the model's own chat template; every process of the pool must know "
            "it."
        ),
    ] = None

    @property
    def is_compiled(self) -> bool:
        """Whether a model is compiled even where that is not the rule."""
        return self.enforce_eager is False
