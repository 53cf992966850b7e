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


class InjectedFailureKind(enum.StrEnum):
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


class InjectedFailure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens in place of a generation's `at_token`-th token, counted from 1.

    It strikes generations that start from nothing, not those continued after another worker's loss. So `at_token=1`
    is a poison job, which fails wherever it goes; with a later token it fails once and is completed elsewhere.
    """

    kind: InjectedFailureKind
    at_token: Count


class SimulatedSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are roughly an 8B model on one H100."""

    slots: Annotated[Count, Meta(description="Generations side by side; more wait.")] = 64
    max_model_len: Annotated[Count, Meta(description="Prompt and generated tokens together.")] = 8192
    prefill_ms_base: Annotated[
        Duration,
        Meta(
            description="Milliseconds per prompt; prompts are processed one after the other, beside the decoding steps."
        ),
    ] = 30.0
    prefill_us_per_token: Annotated[
        Duration, Meta(description="Microseconds per prompt token that the prefix cache does not have.")
    ] = 250.0
    itl_ms: Annotated[
        Duration,
        Meta(
            description="Milliseconds between two steps with one running generation; 0: as fast as the event loop "
            "allows."
        ),
    ] = 12.0
    full_batch_slowdown: Annotated[
        Factor, Meta(description="The step's time grows linearly up to this factor with all slots taken.")
    ] = 2.0
    block_size: Annotated[Count, Meta(description="Tokens per KV cache block.")] = 16
    kv_blocks: Annotated[
        Count,
        Meta(
            description="Blocks of KV cache, shared by running generations and cached prefixes; a generation without "
            "room waits."
        ),
    ] = 8192
    seed: Annotated[
        int, Meta(description="Other seeds generate other texts; all workers of a pool must have the same.")
    ] = 0
    natural_min_tokens: Annotated[Count, Meta(description="The shortest answer where the request sets no limit.")] = 40
    natural_max_tokens: Annotated[Count, Meta(description="The longest answer where the request sets no limit.")] = 200
    slow_factor: Annotated[Factor, Meta(description="A fault that slows everything down by this factor.")] = 1.0
    failure: Annotated[
        InjectedFailure | None,
        Meta(description="A fault in every generation: `{kind: crash, hang, die, error or seize, at_token: N}`."),
    ] = None
    seizure_s: Annotated[Duration, Meta(description="Seconds that the fault `seize` lasts.")] = 3.0
    fail_start: Annotated[bool, Meta(description="A fault at the start.")] = False
    allow_injection: Annotated[
        bool,
        Meta(
            description="Whether a prompt may ask for a failure by `#sim:KIND_at=N` in its last user message. For "
            "tests only."
        ),
    ] = False

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
