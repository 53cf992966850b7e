"""How an engine's outputs become a job's pieces: plain text here, engine-written answers by the engine's own writer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from workers.job.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.base import Finish, Output
    from workers.engine.serving import ServingTranscript


class Answer(Protocol):
    """Builds one job's answer from the outputs of an engine."""

    @property
    def finish(self) -> Finish | None:
        """Set once nothing more will come."""

    @property
    def finish_reason(self) -> str | None:
        """The same in OpenAI's words."""

    @property
    def stop_reason(self) -> str | int | None:
        """The stop string or token that ended it."""

    def take(self, output: Output) -> list[str]:
        """One piece per token; see Transcript.feed for the exceptions."""

    @property
    def short_way(self) -> Callable[[int], str] | None:
        """A faster way than `take`, where a token's piece depends only on the tokens before it; else None."""

    async def body(self) -> bytes:
        """The whole response body, if it cannot be told from the pieces; only after `finish`."""


class PlainAnswer(Transcript):
    """One choice of text: the short way, which every token takes."""

    __slots__ = ()

    @property
    def finish_reason(self) -> str | None:
        """`stop` or `length`."""
        return self.finish and self.finish.value

    def take(self, output: Output) -> list[str]:
        """One piece of text per token."""
        return self.feed(output.tokens, output.finish, output.stop_token)

    @property
    def short_way(self) -> Callable[[int], str] | None:
        """There as long as only the engine can end the generation."""
        return self.step if self.is_free else None

    async def body(self) -> bytes:
        """Nothing: an ingress puts it together from the pieces."""
        return b""


class EngineAnswer:
    """Tools, reasoning, log probabilities or several choices."""

    def __init__(self, transcript: ServingTranscript) -> None:
        self._transcript = transcript

    @property
    def finish(self) -> Finish | None:
        """Set once every choice has ended."""
        return self._transcript.finish

    @property
    def finish_reason(self) -> str | None:
        """Of the choice that ended last."""
        return self._transcript.finish_reason

    @property
    def stop_reason(self) -> str | int | None:
        """Of the choice that ended last."""
        return self._transcript.stop_reason

    def take(self, output: Output) -> list[str]:
        """One piece of ready chunks per token."""
        return self._transcript.feed(output)

    @property
    def short_way(self) -> None:
        """There is none."""
        return

    async def body(self) -> bytes:
        """The response; of a streamed request too, for whoever reads the job later."""
        return await self._transcript.response()
