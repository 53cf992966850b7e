"""What a worker asks of an engine: the one protocol behind vLLM, the simulation and any later adapter."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from penstock.engine_stats import EngineStats
from penstock.errors import InvalidRequestError
from penstock.request import Sampling
from penstock.text.tokenizer import Tokenizer


class Finish(enum.StrEnum):
    """Why an engine ended a generation."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


class Generation(Struct, frozen=True, kw_only=True):
    """One generation handed to an engine; `done` is what another worker generated before us."""

    #: Unique among everything this engine ever runs: a second assignment of a job is another generation.
    id: str
    #: Token ids of the prompt, without `done`.
    prompt: Sequence[int]
    #: Token ids already generated; the engine continues after them and counts limits and penalties from the first.
    done: Sequence[int] = ()
    sampling: Sampling
    #: Lower runs first where the engine orders by priority.
    priority: int = 0
    #: W3C trace headers, so that engine spans join the request's trace.
    trace: dict[str, str] = msgspec.field(default_factory=dict)


class Output(Struct):
    """What one engine step produced for one generation."""

    id: str
    tokens: list[int]
    finish: Finish | None = None
    #: The token id that ended it, where one did.
    stop_token: int | None = None
    #: Prompt tokens taken from the prefix cache; told with a generation's first output.
    cached_tokens: int = 0
    #: Why `finish` is ERROR, for the log and the job record.
    error: str = ""
    #: Set where the request itself is why.
    refusal: InvalidRequestError | None = None
    #: Engine-specific extras (log probabilities) that only the engine's own chunk writer reads.
    extra: Any = None
    #: Which of the `n` choices this belongs to.
    index: int = 0


#: Called in the event loop once per engine step with everything that step produced.
StepSink = Callable[[list[Output]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What an engine says of itself once it has started."""

    #: Context length in tokens: prompt + generated.
    max_model_len: int
    #: Generations it runs side by side.
    slots: int
    #: e.g. "vllm 0.32.0".
    version: str


class Engine(Protocol):
    """A model that generates tokens for many requests at once, one step at a time."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids and back, for the loaded model."""

    @property
    def context_tokens(self) -> int:
        """Prompt and generated tokens that fit together; known once it has started."""

    @property
    def vocabulary_tokens(self) -> int:
        """How many token ids there are; known once it has started."""

    async def start(self, sink: StepSink) -> EngineInfo:
        """Load the model and warm it up; afterwards `sink` receives every step. Raises EngineStartError."""

    async def check(self, sampling: Sampling) -> None:
        """See whether an answer's form can be enforced, which may take seconds.

        Raises InvalidRequestError or EngineDeadError.
        """

    async def submit(self, generation: Generation) -> None:
        """Begin a generation. Raises InvalidRequestError (the client's fault) or EngineDeadError."""

    async def cancel(self, ids: Sequence[str]) -> None:
        """Stop generations at once; unknown ids are ignored, and no further output of these ids arrives."""

    def stats(self) -> EngineStats:
        """Figures for metrics and scheduling; cheap, never blocks."""

    async def health(self) -> None:
        """Return if the engine can serve; raises EngineDeadError."""

    async def stop(self) -> None:
        """End the engine and every process it started; safe to call twice."""
