"""The chunks of a streamed answer, as OpenAI's clients know them; constant bytes around what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Struct

from ingress.outcome import error_of
from penstock.request import Api

if TYPE_CHECKING:
    from penstock.frames import End
    from penstock.job import Job, NewJob
    from penstock.request import ChatBody, CompletionBody

_encode = msgspec.json.encode
#: Stands for the text in a chunk's pattern; no model's name has one.
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

    @classmethod
    def of(cls, job: NewJob | Job, body: ChatBody | CompletionBody, created_s: int) -> Envelope:
        """The envelope of a job's answer."""
        return cls(
            api=job.api,
            job_id=job.id,
            created_s=created_s,
            model=job.model,
            include_usage=bool(body.stream_options and body.stream_options.include_usage),
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
        head, tail = self._chunk(self._choice(_HOLE)).split(_encode(_HOLE))
        self.around: tuple[bytes, bytes] = (head, tail)

    def opening(self) -> list[bytes]:
        """The chunk that names the role; completions have none."""
        if self._envelope.api is Api.COMPLETION:
            return []
        choice = self._choice("")
        choice["delta"] = {"role": "assistant", "content": ""}
        return [self._chunk(choice)]

    def of(self, piece: str) -> list[bytes]:
        """One chunk."""
        head, tail = self.around
        return [head + _encode(piece) + tail]

    def closing(self, end: End) -> list[bytes]:
        """The finish reason and, where asked for, the usage; or the error."""
        error = error_of(end)
        if error is not None:
            return [_encode(error.body)]
        choice = self._choice("")
        if self._envelope.api is Api.CHAT:
            choice["delta"] = {}
        choice |= {"finish_reason": end.finish_reason, "stop_reason": end.stop_reason}
        chunks = [self._chunk(choice)]
        if self._envelope.include_usage:
            chunks.append(_encode(self._envelope.wrap(self._kind, [], usage=usage(end))))
        return chunks

    @property
    def _kind(self) -> str:
        return "chat.completion.chunk" if self._envelope.api is Api.CHAT else "text_completion"

    def _choice(self, text: str) -> dict[str, Any]:
        content = {"delta": {"content": text}} if self._envelope.api is Api.CHAT else {"text": text}
        return {"index": 0, **content, "logprobs": None, "finish_reason": None}

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        more = {"usage": None} if self._envelope.include_usage else {}
        return _encode(self._envelope.wrap(self._kind, [choice], **more))


class RichChunks:
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
    return RichChunks() if job.is_rich else TextChunks(Envelope.of(job, body, created_s))


def usage(end: End) -> dict[str, Any]:
    """The `usage` object."""
    return {
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "total_tokens": end.prompt_tokens + end.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": end.cached_tokens},
    }
