"""What a simulated engine is told: its size, its speed, and how it shall fail."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from penstock.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

Count = Annotated[int, Meta(ge=1)]
Duration = Annotated[float, Meta(ge=0.0)]
Factor = Annotated[float, Meta(ge=1.0)]


class FailureKind(enum.StrEnum):
    """How the engine fails."""

    #: The process kills itself.
    CRASH = "crash"
    #: The engine produces nothing more and yet calls itself healthy.
    HANG = "hang"
    #: The engine is dead and says so: `health` raises, and running generations stall.
    DIE = "die"
    #: This one generation finishes with an error.
    ERROR = "error"
    #: A call in C keeps the interpreter's lock for `seizure_s`, and with it every thread; then all goes on.
    SEIZE = "seize"


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens in place of a generation's `at_token`-th token, counted from 1.

    It strikes generations that start from nothing, not those continued after another worker's loss. So `at_token=1`
    is a poison job, which fails wherever it goes; with a later token it fails once and is completed elsewhere.
    """

    kind: FailureKind
    at_token: Count


class SimulatedSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are roughly an 8B model on one H100."""

    #: Generations side by side; more wait.
    slots: Count = 64
    #: Prompt and generated tokens together.
    max_model_len: Count = 8192
    #: Prompts are processed one after the other, beside the decoding steps.
    prefill_ms_base: Duration = 30.0
    #: Per prompt token that the prefix cache does not have.
    prefill_us_per_token: Duration = 250.0
    #: Between two steps with one running generation; 0: step as fast as the event loop allows.
    itl_ms: Duration = 12.0
    #: The step's time grows linearly up to this factor with all slots taken.
    full_batch_slowdown: Factor = 2.0
    #: Tokens per KV cache block.
    block_size: Count = 16
    #: Blocks of KV cache, shared by running generations and cached prefixes; a generation without room waits.
    kv_blocks: Count = 8192
    #: Other seeds generate other texts; all workers of a pool must have the same.
    seed: int = 0
    #: Bounds of a generation's length where the request sets no limit.
    natural_min_tokens: Count = 40
    natural_max_tokens: Count = 200
    #: A fault that slows everything down by this factor.
    slow_factor: Factor = 1.0
    #: A fault in every generation.
    failure: Failure | None = None
    #: How long the fault `seize` lasts.
    seizure_s: Duration = 3.0
    #: A fault at the start: EngineStartError.
    fail_start: bool = False
    #: Whether a prompt may ask for a failure by `#sim:KIND_at=N` in its last user message. For tests only.
    allow_injection: bool = False

    def __post_init__(self) -> None:
        """Raises SettingsError where settings contradict each other."""
        if self.kv_blocks * self.block_size < self.max_model_len:
            raise SettingsError(
                f"kv_blocks times block_size is {self.kv_blocks * self.block_size} tokens, too few for a generation of "
                f"max_model_len ({self.max_model_len}): raise kv_blocks, or lower max_model_len."
            )
        if self.natural_min_tokens > self.natural_max_tokens:
            raise SettingsError("natural_min_tokens is above natural_max_tokens: lower it.")

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> SimulatedSettings:
        """Settings from a pool's `options`. Raises SettingsError naming the option."""
        try:
            return msgspec.convert(options, cls)
        except msgspec.ValidationError as error:
            raise SettingsError(f"Options of the simulated engine: {error}.") from error
