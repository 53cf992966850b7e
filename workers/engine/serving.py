"""Answers that are more than one run of text (tools, reasoning, log probabilities, several choices).

The engine writes their chunks itself. A worker feeds the engine's outputs to a `ServingTranscript`, as it would feed
tokens to its own transcript, and gets back what each token adds to the client's stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from penstock.request import ChatBody, CompletionBody
from workers.engine.base import Finish, Generation, Output


class Prompt(NamedTuple):
    """What a model is to continue."""

    ids: Sequence[int]
    #: As the client wrote it, or as `echo` shows it.
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRequest:
    """A checked request, and what must be the same on every worker that answers it."""

    #: Names the generation in the engine.
    id: str
    body: ChatBody | CompletionBody
    #: One of a chat, one or more of a completion.
    prompts: Sequence[Prompt]
    #: `id` and `created` (unix seconds) of the response and each of its chunks.
    response_id: str
    created: int
    #: That of the response and each of its chunks, where the client asked for one.
    service_tier: str | None = None
    #: Token ids that another worker generated before us.
    done: Sequence[int] = ()
    #: Lower runs first where the engine orders by priority.
    priority: int = 0


class ServingTranscript(Protocol):
    """One engine-written answer in the making; what it writes depends on the tokens alone."""

    @property
    def generation(self) -> Generation:
        """What to submit to the engine that opened this."""

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, or of all prompts."""

    @property
    def is_continued(self) -> bool:
        """Whether it goes on after `done`; otherwise it begins anew (a grammar, several choices or prompts)."""

    @property
    def finish(self) -> Finish | None:
        """Set once every choice has ended; the engine may not know that yet if a stop string did it."""

    @property
    def finish_reason(self) -> str | None:
        """OpenAI's finish_reason of the choice that ended last, e.g. tool_calls."""

    @property
    def stop_reason(self) -> str | int | None:
        """The stop string or token that ended it."""

    def feed(self, output: Output) -> list[str]:
        """One piece per token, fewer once a stop string has ended the answer; a piece is JSON chunks, one a line.

        An output that ends the answer without a token makes one piece. Raises EngineFailedError.
        """

    async def response(self) -> bytes:
        """The whole response body, as for a request that does not stream; only after `finish`."""


@runtime_checkable
class ServingEngine(Protocol):
    """An engine that can write engine-written answers."""

    async def open_serving(self, request: ServingRequest) -> ServingTranscript:
        """Check a request and prepare its answer. Raises InvalidRequestError."""
