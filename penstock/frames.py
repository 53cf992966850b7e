"""The wire format of tokens: what crosses Redis per engine step, and what a job's record keeps of them.

Everything is msgpack with structs as arrays. A frame is all that one engine step made for the jobs of one worker that
one ingress waits for: one token each, as a rule, in columns, and deltas for whatever else happened. Tokens and pieces
go in pairs: piece i is what token i added to the client's stream, so that a token's offset is at once its event id, the
place to resume from, and the key that drops a repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FRAME_VERSION = 1


class Failure(Struct, frozen=True, array_like=True):
    """Why a job did not complete: the name of an ApiError class and what to tell the client."""

    error: str
    message: str
    param: str | None = None


class End(Struct, frozen=True, array_like=True):
    """How a job ended; `state` is one of the terminal states."""

    state: str
    #: OpenAI's finish_reason: stop, length, tool_calls, ...
    finish_reason: str | None = None
    #: The stop string or token id that ended it.
    stop_reason: str | int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    #: Prompt tokens the engine took from its prefix cache.
    cached_tokens: int = 0
    failure: Failure | None = None


class Delta(Struct, array_like=True):
    """A run of a job's tokens; `offset` counts the tokens before it since the job's beginning."""

    job: str
    fence: int
    offset: int
    tokens: list[int]
    #: Per token: the text it added or, for an engine-written answer, its SSE chunks as JSON, one a line. Often empty.
    pieces: list[str]
    end: End | None = None


#: One token on its way: job, fence, the number of tokens before it, the token, its piece.
Row = tuple[str, int, int, int, str]


class Singles(Struct, array_like=True):
    """Rows as columns, of jobs that go on: they take half as long as so many deltas."""

    jobs: list[str] = []
    fences: list[int] = []
    offsets: list[int] = []
    tokens: list[int] = []
    pieces: list[str] = []


class Frame(Struct, array_like=True):
    """One engine step of one worker."""

    version: int
    worker: str
    deltas: list[Delta]
    #: For jobs other than those of `deltas`.
    singles: Singles

    def every(self) -> Iterator[Delta]:
        """All of it as deltas, for those who need not be fast."""
        yield from self.deltas
        one = self.singles
        for job, fence, offset, token, piece in zip(
            one.jobs, one.fences, one.offsets, one.tokens, one.pieces, strict=True
        ):
            yield Delta(job, fence, offset, [token], [piece])


class Generated(Struct, array_like=True):
    """What a job has generated so far."""

    tokens: list[int] = []
    pieces: list[str] = []

    def extend(self, delta: Delta) -> int:
        """Append what `delta` has beyond ours; returns how many tokens that was, -1 if it begins after our end."""
        skip = len(self.tokens) - delta.offset
        if skip < 0:
            return -1
        if skip == 0:
            self.tokens += delta.tokens
            self.pieces += delta.pieces
            return len(delta.tokens)
        self.tokens += delta.tokens[skip:]
        self.pieces += delta.pieces[skip:]
        return max(len(delta.tokens) - skip, 0)


class Result(Struct, frozen=True, array_like=True):
    """What a finished job keeps until its record expires."""

    end: End
    generated: Generated
    #: The whole response body of an engine-written answer.
    response: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_frame = msgspec.msgpack.Decoder(Frame)
_generated = msgspec.msgpack.Decoder(Generated)
_result = msgspec.msgpack.Decoder(Result)


def encode_frame(worker: str, deltas: Sequence[Delta], rows: Sequence[Row] = ()) -> bytes:
    """One frame, ready for the journal and the channel; no job is in `deltas` and in `rows`."""
    return _encoder.encode((FRAME_VERSION, worker, deltas, tuple(zip(*rows, strict=False))))


def joined(rows: Iterable[Row]) -> tuple[list[Delta], list[Row]]:
    """The same tokens with those of one job together, however many steps they are of; a job's only row stays one."""
    runs: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        runs.setdefault(row[:2], []).append(row)
    deltas = [
        Delta(job, fence, run[0][2], [row[3] for row in run], [row[4] for row in run])
        for (job, fence), run in runs.items()
        if len(run) > 1
    ]
    return deltas, [run[0] for run in runs.values() if len(run) == 1]


def decode_frame(raw: bytes) -> Frame:
    """Raises ValueError on a frame of another version or of no sense."""
    frame = _frame.decode(raw)
    if frame.version != FRAME_VERSION:
        msg = f"frame version {frame.version}, this process speaks {FRAME_VERSION}"
        raise ValueError(msg)
    return frame


def encode_generated(generated: Generated) -> bytes:
    """For a record's `prefix`; nothing generated is the empty string."""
    return _encoder.encode(generated) if generated.tokens else b""


def decode_generated(raw: bytes) -> Generated:
    """The inverse of encode_generated."""
    return _generated.decode(raw) if raw else Generated([], [])


def encode_result(result: Result) -> bytes:
    """For a record's `result`."""
    return _encoder.encode(result)


def decode_result(raw: bytes) -> Result:
    """The inverse of encode_result."""
    return _result.decode(raw)


def replay(jobs: Mapping[tuple[str, int], Generated], frames: Iterable[bytes]) -> None:
    """Add what a journal has of the jobs (by id and fence) to what they have; what lies beyond a hole is left out."""
    for raw in frames:
        for delta in decode_frame(raw).every():
            generated = jobs.get((delta.job, delta.fence))
            if generated is not None:
                generated.extend(delta)
