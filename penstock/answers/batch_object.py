"""A batch as its tenant may see it: the `batch` object of OpenAI's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from penstock.answers.objects import Count
from penstock.batches.batch import BatchStatus

if TYPE_CHECKING:
    from penstock.batches.batch import Batch

_Seconds = Annotated[int, Meta(ge=0, description="Unix seconds.")]
_PerhapsSeconds = Annotated[int | None, Meta(description="Unix seconds; null for what has not happened.")]


class BatchErrorObject(Struct, kw_only=True):
    """Something that is wrong with a batch's input."""

    code: Annotated[str, Meta(description="The kind of mistake, for programs.")]
    message: Annotated[str, Meta(description="What is wrong, and what to do.")]
    param: Annotated[str | None, Meta(description="The field of the line, as `body.messages`.")]
    line: Annotated[int | None, Meta(description="From 1; null where it is about the whole file.")]


class BatchErrors(Struct, kw_only=True):
    """Why a batch failed."""

    object: Literal["list"]
    data: list[BatchErrorObject]


class RequestCounts(Struct, kw_only=True):
    """What became of a batch's lines."""

    total: Annotated[int, Meta(ge=0, description="Requests of the input; 0 until it is validated.")]
    completed: Annotated[int, Meta(ge=0, description="Those that were answered.")]
    failed: Annotated[int, Meta(ge=0, description="Those that ended otherwise.")]


class BatchInputTokens(Struct, kw_only=True):
    """What became of the prompts' tokens."""

    cached_tokens: Annotated[int, Meta(ge=0, description="Those that engines had in their prefix caches.")]


class BatchOutputTokens(Struct, kw_only=True):
    """What the generated tokens were for."""

    reasoning_tokens: Annotated[int, Meta(ge=0, description="Always 0: they are not counted apart.")]


class BatchUsage(Struct, kw_only=True):
    """What the lines took whose results are in storage."""

    input_tokens: Count
    input_tokens_details: BatchInputTokens
    output_tokens: Count
    output_tokens_details: BatchOutputTokens
    total_tokens: Count


class BatchObject(Struct, kw_only=True):
    """A file of requests whose answers become files."""

    id: str
    object: Literal["batch"]
    endpoint: Annotated[str, Meta(description="Whose requests its lines are.")]
    model: Annotated[str | None, Meta(description="What its lines ask for; null until they are validated.")]
    errors: Annotated[BatchErrors | None, Meta(description="What is wrong with its input, of one that failed.")]
    ignored: Annotated[
        list[str], Meta(description="Fields of its lines' bodies that nobody knows: they have no effect.")
    ]
    input_file_id: str
    completion_window: str
    status: BatchStatus
    output_file_id: Annotated[str | None, Meta(description="The answers, when it has ended and there are any.")]
    error_file_id: Annotated[str | None, Meta(description="The lines without an answer, the same way.")]
    created_at: _Seconds
    in_progress_at: _PerhapsSeconds
    expires_at: Annotated[int, Meta(ge=0, description="Unix seconds: what is not done by then expires.")]
    finalizing_at: _PerhapsSeconds
    completed_at: _PerhapsSeconds
    failed_at: _PerhapsSeconds
    expired_at: _PerhapsSeconds
    cancelling_at: _PerhapsSeconds
    cancelled_at: _PerhapsSeconds
    request_counts: RequestCounts
    usage: BatchUsage
    metadata: Annotated[dict[str, str] | None, Meta(description="What its owner finds it by.")]


class BatchList(Struct, kw_only=True):
    """A page of batches."""

    object: Literal["list"]
    data: list[BatchObject]
    first_id: Annotated[str | None, Meta(description="Of the first batch of the page; null where there is none.")]
    last_id: Annotated[str | None, Meta(description="Of the last: what `after` is for the next page.")]
    has_more: bool


def batch_object(batch: Batch) -> BatchObject:
    """The `batch` object."""
    return BatchObject(
        id=batch.id,
        object="batch",
        endpoint=batch.endpoint,
        model=batch.model or None,
        errors=_errors(batch),
        ignored=list(batch.ignored),
        input_file_id=batch.input_file,
        completion_window=batch.window,
        status=batch.status,
        output_file_id=batch.output_file or None,
        error_file_id=batch.error_file or None,
        created_at=batch.created_ms // 1000,
        in_progress_at=_seconds(batch.in_progress_ms),
        expires_at=batch.expires_ms // 1000,
        finalizing_at=_seconds(batch.finalizing_ms),
        completed_at=_seconds(batch.completed_ms),
        failed_at=_seconds(batch.failed_ms),
        expired_at=_seconds(batch.expired_ms),
        cancelling_at=_seconds(batch.cancelling_ms),
        cancelled_at=_seconds(batch.cancelled_ms),
        request_counts=_counts(batch),
        usage=_usage(batch),
        metadata=msgspec.json.decode(batch.metadata, type=dict[str, str]) if batch.metadata else None,
    )


def batch_list(batches: Sequence[Batch], *, has_more: bool) -> BatchList:
    """A page of the list."""
    data = [batch_object(batch) for batch in batches]
    ends = (data[0].id, data[-1].id) if data else (None, None)
    return BatchList(object="list", data=data, first_id=ends[0], last_id=ends[1], has_more=has_more)


def _errors(batch: Batch) -> BatchErrors | None:
    told = [
        BatchErrorObject(code=fault.code, message=fault.message, param=fault.param, line=fault.line)
        for fault in batch.errors
    ]
    return BatchErrors(object="list", data=told) if told else None


def _counts(batch: Batch) -> RequestCounts:
    """What its files say, of one that is over; before, whatever was heard of the end of its jobs."""
    if batch.status.terminal:
        return RequestCounts(total=batch.total, completed=batch.completed, failed=batch.failed)
    # A line that cannot become a job is in a part without having had an end.
    return RequestCounts(
        total=batch.total,
        completed=max(batch.ended_completed, batch.completed),
        failed=max(batch.ended_failed, batch.failed),
    )


def _usage(batch: Batch) -> BatchUsage:
    return BatchUsage(
        input_tokens=batch.prompt_tokens,
        input_tokens_details=BatchInputTokens(cached_tokens=batch.cached_tokens),
        output_tokens=batch.completion_tokens,
        output_tokens_details=BatchOutputTokens(reasoning_tokens=0),
        total_tokens=batch.prompt_tokens + batch.completion_tokens,
    )


def _seconds(unix_ms: int) -> int | None:
    return unix_ms // 1000 if unix_ms else None
