"""The chunks of a streamed answer, as OpenAI's clients know them; constant bytes around what changes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Struct

from penstock.answers.objects import PromptTokensDetails, Usage
from penstock.answers.outcome import error_of
from penstock.request import Api

if TYPE_CHECKING:
    from penstock.frames import End
    from penstock.job import Job, NewJob
    from penstock.request import ChatBody, CompletionBody

_encode = msgspec.json.encode
#: Stands for the text in a choice's pattern.
_HOLE = "\0"


class Envelope(Struct, frozen=True, kw_only=True):
    """What all chunks of one answer, and the whole answer, have in common."""

    api: Api
    job_id: str
    #: Unix seconds of the job's acceptance, by Redis' clock: the same wherever the answer is read.
    created_s: int
    #: The name the client asked for.
    model: str
    include_usage: bool = False
    #: Where the client asked for one: the tier that it got.
    service_tier: str | None = None

    @classmethod
    def of(cls, job: NewJob | Job, body: ChatBody | CompletionBody, created_s: int) -> Envelope:
        """The envelope of a job's answer."""
        return cls(
            api=job.api,
            job_id=job.id,
            created_s=created_s,
            model=job.model,
            include_usage=bool(body.stream_options and body.stream_options.include_usage),
            service_tier=job.job_class.service_tier if body.service_tier else None,
        )

    @property
    def response_id(self) -> str:
        """The answer's `id`."""
        return f"{'chatcmpl' if self.api is Api.CHAT else 'cmpl'}-{self.job_id}"

    def wrap(self, kind: str, choices: list[dict[str, Any]], **more: object) -> dict[str, Any]:
        """An answer or a chunk of one with these choices."""
        return {
            "id": self.response_id,
            "object": kind,
            "created": self.created_s,
            "model": self.model,
            **({"service_tier": self.service_tier} if self.service_tier else {}),
            # Last but for the usage: a chunk's constant head is cut off here.
            "choices": choices,
            **more,
        }


class Chunks(Protocol):
    """The JSON of an answer's chunks."""

    @property
    def around(self) -> tuple[bytes, bytes] | None:
        """Where a token is one chunk: the constant bytes before and after its text as JSON."""

    def opening(self) -> list[bytes]:
        """Before the first token."""

    def of(self, piece: str) -> list[bytes]:
        """Of a token's piece that is not empty."""

    def closing(self, end: End) -> list[bytes]:
        """After the last token, failures included."""


class TextChunks:
    """Chunks of one choice of plain text."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._pattern = _pattern(envelope.api, include_usage=envelope.include_usage)
        #: All up to the choices, the same in every chunk.
        self._head = _encode(envelope.wrap(self._kind, [])).removesuffix(b"]}")
        self.around: tuple[bytes, bytes] = (self._head + self._pattern.before_text, self._pattern.after_text)

    def opening(self) -> list[bytes]:
        """The chunk that names the role; completions have none."""
        return [self._head + self._pattern.opening] if self._pattern.opening else []

    def of(self, piece: str) -> list[bytes]:
        """One chunk."""
        head, tail = self.around
        return [head + _encode(piece) + tail]

    def closing(self, end: End) -> list[bytes]:
        """The finish reason and, where asked for, the usage; or the error."""
        error = error_of(end)
        if error is not None:
            return [_encode(error.body)]
        choice = _choice(self._envelope.api, None)
        choice |= {"finish_reason": end.finish_reason, "stop_reason": end.stop_reason}
        chunks = [self._head + _encode(choice) + self._pattern.after_choice]
        if self._envelope.include_usage:
            chunks.append(_encode(self._envelope.wrap(self._kind, [], usage=usage(end))))
        return chunks

    @property
    def _kind(self) -> str:
        return "chat.completion.chunk" if self._envelope.api is Api.CHAT else "text_completion"


class _Pattern(Struct, frozen=True):
    """What follows the head of a chunk: the same bytes, and the same objects, for all answers of a kind."""

    #: The whole choice that names the role, and the chunk's end; empty where there is none.
    opening: bytes
    before_text: bytes
    after_text: bytes
    after_choice: bytes


@cache
def _pattern(api: Api, *, include_usage: bool) -> _Pattern:
    end = b'],"usage":null}' if include_usage else b"]}"
    before, after = _encode(_choice(api, _HOLE)).split(_encode(_HOLE))
    opening = _choice(api, None) | {"delta": {"role": "assistant", "content": ""}}
    return _Pattern(_encode(opening) + end if api is Api.CHAT else b"", before, after + end, end)


def _choice(api: Api, text: str | None) -> dict[str, Any]:
    """One choice; without a text, a chat's delta is empty."""
    if api is Api.CHAT:
        content: dict[str, Any] = {"delta": {} if text is None else {"content": text}}
    else:
        content = {"text": text or ""}
    return {"index": 0, **content, "logprobs": None, "finish_reason": None}


class EngineChunks:
    """Chunks as the worker wrote them, one a line."""

    around = None

    def opening(self) -> list[bytes]:
        """Nothing: the first token's piece begins with it."""
        return []

    def of(self, piece: str) -> list[bytes]:
        """The lines of a piece."""
        return piece.encode().split(b"\n")

    def closing(self, end: End) -> list[bytes]:
        """Nothing but an error: the last token's piece ends with finish reason and usage."""
        error = error_of(end)
        return [] if error is None else [_encode(error.body)]


def chunks_of(job: NewJob | Job, body: ChatBody | CompletionBody, created_s: int) -> Chunks:
    """How a job's pieces become chunks: ready ones where the worker wrote them, text of ours elsewhere."""
    return EngineChunks() if job.is_engine_written else TextChunks(Envelope.of(job, body, created_s))


def usage(end: End) -> Usage:
    """The `usage` object."""
    return Usage(
        prompt_tokens=end.prompt_tokens,
        completion_tokens=end.completion_tokens,
        total_tokens=end.prompt_tokens + end.completion_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=end.cached_tokens),
    )
