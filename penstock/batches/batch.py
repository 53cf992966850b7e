"""A batch: a file of requests whose answers become files, as its record has it."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from penstock.state_list import sources_of


class BatchStatus(enum.StrEnum):
    """Where a batch is in its life, in OpenAI's words."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    #: The input is wrong: nothing was run.
    FAILED = "failed"
    COMPLETED = "completed"
    #: Its window was over before all lines were done.
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.VALIDATING: frozenset(
        {BatchStatus.IN_PROGRESS, BatchStatus.FAILED, BatchStatus.CANCELLING, BatchStatus.EXPIRED}
    ),
    BatchStatus.IN_PROGRESS: frozenset({BatchStatus.FINALIZING, BatchStatus.CANCELLING}),
    BatchStatus.CANCELLING: frozenset({BatchStatus.CANCELLED}),
    BatchStatus.FINALIZING: frozenset({BatchStatus.COMPLETED, BatchStatus.EXPIRED}),
    BatchStatus.FAILED: frozenset(),
    BatchStatus.COMPLETED: frozenset(),
    BatchStatus.EXPIRED: frozenset(),
    BatchStatus.CANCELLED: frozenset(),
}


def batch_sources(target: BatchStatus) -> str:
    """The statuses that may become `target`, as the scripts take them: `,validating,in_progress,`."""
    return sources_of(target, TRANSITIONS)


PREFIX = "batch_"
#: Faults that are told of one file.
MOST_FAULTS = 100


def batch_id(job_like_id: str) -> str:
    """The id of a batch, made of an id as a job has it: its pool can be read from it."""
    return f"{PREFIX}{job_like_id}"


def pool_of_batch(id_: str) -> str | None:
    """The pool that a batch's id names; None for what is no batch's id."""
    pool, dash, _ = id_.removeprefix(PREFIX).rpartition("-")
    return pool if id_.startswith(PREFIX) and dash else None


class BatchFault(Struct, frozen=True, kw_only=True):
    """Why a batch failed: something that is wrong with its input."""

    code: str
    message: str
    param: str | None = None
    #: From 1, as editors count; None where it is about the whole file.
    line: int | None = None


class Cursor(Struct, frozen=True, array_like=True):
    """How far a batch's input is expanded into jobs: lines are taken block by block, and sorted within one."""

    #: Where the block begins in the input, bytes.
    offset: int = 0
    #: Requests of the block that are jobs already, in the block's order.
    taken: int = 0


class Batch(Struct, frozen=True, kw_only=True):
    """A batch's record. Times are Unix milliseconds by Redis' clock; 0 is `never`."""

    id: str
    status: BatchStatus
    tenant: str
    #: The name of the API key that it came with.
    key: str
    #: The id of the file, of which the batch has a copy of its own.
    input_file: str
    endpoint: str
    #: As it was asked for: `24h`.
    window: str
    #: JSON, or "".
    metadata: str
    #: Of the request that made it.
    digest: str
    #: "" until the input is validated.
    model: str
    created_ms: int
    expires_ms: int
    #: How long its output files are kept.
    output_ttl_s: int
    in_progress_ms: int
    finalizing_ms: int
    completed_ms: int
    failed_ms: int
    expired_ms: int
    cancelling_ms: int
    cancelled_ms: int
    #: Requests in its input; 0 until it is validated.
    total: int
    #: Requests that are jobs, or were, or are in the error file without having been one.
    expanded: int
    cursor: Cursor
    #: Lines of output whose part is recorded.
    recorded: int
    #: Of these: answers, and all others.
    completed: int
    failed: int
    #: Of the others, those that the end of its window cut short.
    late: int
    #: Jobs that ended, by the ledger, whether their part is recorded yet or not.
    ended_completed: int
    ended_failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    errors: Sequence[BatchFault]
    #: Fields of its lines' bodies that have no effect.
    ignored: Sequence[str]
    output_file: str
    error_file: str
    #: Whether all that follows from its end has been done.
    is_settled: bool

    @property
    def pool(self) -> str:
        """The pool that serves it."""
        return pool_of_batch(self.id) or ""

    @classmethod
    def from_record(cls, id_: str, record: Mapping[bytes, bytes]) -> Batch:
        """Read a record as HGETALL returns it. Raises KeyError, ValueError or msgspec.DecodeError for what is none."""
        fields: dict[str, Any] = {name: record.get(name.encode(), b"").decode() for name in _TEXTS}
        fields |= {name: int(record.get(name.encode()) or 0) for name in _NUMBERS}
        return cls(
            id=id_,
            status=BatchStatus(record[b"status"].decode()),
            cursor=decode_cursor(record.get(b"cursor", b"")),
            errors=_faults.decode(record.get(b"errors") or b"[]"),
            ignored=_ignored.decode(record.get(b"ignored") or b"[]"),
            is_settled=bool(record.get(b"settled")),
            **fields,
        )


_TEXTS = (
    *("tenant", "key", "input_file", "endpoint", "window", "metadata", "digest", "model", "output_file", "error_file"),
)
_NUMBERS = (
    *("created_ms", "expires_ms", "output_ttl_s", "in_progress_ms", "finalizing_ms", "completed_ms", "failed_ms"),
    *("expired_ms", "cancelling_ms", "cancelled_ms", "total", "expanded", "recorded", "completed", "failed", "late"),
    *("ended_completed", "ended_failed", "prompt_tokens", "cached_tokens", "completion_tokens"),
)
_faults = msgspec.json.Decoder(list[BatchFault])
_ignored = msgspec.json.Decoder(list[str])
_cursor = msgspec.json.Decoder(Cursor)


def encode_faults(faults: Sequence[BatchFault]) -> bytes:
    """As the record keeps them."""
    return msgspec.json.encode(faults)


def encode_names(names: Sequence[str]) -> bytes:
    """As the record keeps the fields that are ignored."""
    return msgspec.json.encode(names)


def encode_cursor(cursor: Cursor) -> bytes:
    """As the record keeps it."""
    return msgspec.json.encode(cursor)


def decode_cursor(text: bytes) -> Cursor:
    """Read a cursor; one that nobody has written is the beginning. Raises msgspec.DecodeError."""
    return _cursor.decode(text) if text else Cursor()
