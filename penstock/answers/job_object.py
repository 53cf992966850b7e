"""A job as its client may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from penstock.answers.chunks import Envelope, usage
from penstock.answers.objects import ErrorObject, Usage
from penstock.answers.outcome import error_of
from penstock.answers.responses.response import ResponseHead
from penstock.answers.whole import whole_answer
from penstock.job import State
from penstock.job_class import JobClass
from penstock.request import read

if TYPE_CHECKING:
    from penstock.broker.job_index import Listed
    from penstock.frames import Result
    from penstock.job import Job

_Milliseconds = Annotated[int | None, Meta(description="Milliseconds; null for what has not happened.")]
_ANSWERS = [{"$ref": f"#/components/schemas/{name}"} for name in ("ChatCompletion", "Completion", "ResponseObject")]


class LostWorker(Struct, kw_only=True):
    """A worker that was lost while it had the job."""

    worker: str
    reason: Annotated[str, Meta(description="How it was noticed.")]
    at_ms: Annotated[int, Meta(ge=0, description="When: Unix milliseconds.")]
    tokens: Annotated[int, Meta(ge=0, description="How many tokens there were by then; the next worker goes on there.")]


class Assignment(Struct, kw_only=True):
    """A job's being given to a worker."""

    worker: str
    at_ms: Annotated[int, Meta(ge=0, description="When: Unix milliseconds.")]


class Timings(Struct, kw_only=True):
    """How long each part of a job took."""

    queued_ms: _Milliseconds
    running_ms: _Milliseconds
    ttft_ms: _Milliseconds
    total_ms: _Milliseconds


class ListedTimings(Struct, kw_only=True):
    """How long each part of a job took, as far as a list tells."""

    queued_ms: _Milliseconds
    running_ms: _Milliseconds
    total_ms: _Milliseconds


class ListedJob(Struct, kw_only=True):
    """A job as a list shows it: without usage, result and error."""

    id: str
    object: Literal["job"]
    state: State
    model: Annotated[str, Meta(description="The name that was asked for.")]
    job_class: Annotated[JobClass, Meta(description="Its order of service.")] = field(name="class")
    created_at: Annotated[int, Meta(ge=0, description="Unix seconds.")]
    metadata: Annotated[dict[str, str], Meta(description="What its owner finds it by.")]
    timings: ListedTimings


class JobObject(Struct, kw_only=True):
    """One generation request, from its acceptance to some time after its end."""

    id: str
    object: Literal["job"]
    state: State
    cancel_requested: Annotated[bool, Meta(description="Whether somebody asked for its end while a worker had it.")]
    model: Annotated[str, Meta(description="The name that was asked for.")]
    job_class: Annotated[JobClass, Meta(description="Its order of service.")] = field(name="class")
    created_at: Annotated[int, Meta(ge=0, description="Unix seconds.")]
    metadata: Annotated[dict[str, str], Meta(description="What its owner finds it by.")]
    timings: Timings
    runs: Annotated[int, Meta(ge=1, description="How often it was begun, anew by its Idempotency-Key included.")]
    attempts: Annotated[int, Meta(ge=0, description="How often this run was given to a worker.")]
    losses: Annotated[int, Meta(ge=0, description="How many of its workers were lost.")]
    worker: Annotated[str, Meta(description="Who has it, or had it last; empty before the first.")]
    assignments: Annotated[list[Assignment], Meta(description="Each attempt: whom this run was given to, and when.")]
    lost: Annotated[list[LostWorker], Meta(description="The workers that were lost, the first loss first.")]
    usage: Usage | None
    result: Annotated[
        Any,
        Meta(
            description="The whole answer of a job that completed, whether it was streamed or not.",
            extra_json_schema={"anyOf": [*_ANSWERS, {"type": "null"}]},
        ),
    ]
    error: Annotated[ErrorObject | None, Meta(description="Why it did not complete.")]


def job_object(job: Job) -> JobObject:
    """The `job` object of the API."""
    end = job.result.end if job.result else None
    error = error_of(end) if end else None
    return JobObject(
        id=job.id,
        object="job",
        state=job.state,
        cancel_requested=job.cancel_requested,
        model=job.model,
        job_class=job.job_class,
        created_at=job.created_ms // 1000,
        metadata=_metadata(job.metadata),
        timings=_timings(job),
        runs=job.run + 1,
        attempts=job.attempts,
        losses=job.losses,
        worker=job.worker,
        assignments=[Assignment(worker=worker, at_ms=at_ms) for worker, at_ms in job.assignments],
        lost=_lost(job.evidence),
        usage=usage(end) if end else None,
        result=answer_of(job, job.result) if job.result and job.state is State.COMPLETED else None,
        error=ErrorObject(**error.body["error"]) if error else None,
    )


def listed_object(job: Listed) -> ListedJob:
    """The `job` object of a list."""
    return ListedJob(
        id=job.id,
        object="job",
        state=job.state,
        model=job.model,
        job_class=JobClass(job.job_class),
        created_at=job.created_ms // 1000,
        metadata=_metadata(job.metadata),
        timings=ListedTimings(
            queued_ms=_between(job.created_ms, job.assigned_ms or job.finished_ms),
            running_ms=_between(job.started_ms, job.finished_ms),
            total_ms=_between(job.created_ms, job.finished_ms),
        ),
    )


_losses = msgspec.json.Decoder(list[LostWorker])


def _lost(evidence: bytes) -> list[LostWorker]:
    return _losses.decode(b"[%b]" % evidence)


def _metadata(encoded: str) -> dict[str, str]:
    return msgspec.json.decode(encoded, type=dict[str, str]) if encoded else {}


def _timings(job: Job) -> Timings:
    return Timings(
        queued_ms=_between(job.created_ms, job.assigned_ms or job.finished_ms),
        running_ms=_between(job.started_ms, job.finished_ms),
        ttft_ms=_between(job.created_ms, job.first_token_ms),
        total_ms=_between(job.created_ms, job.finished_ms),
    )


def _between(start_ms: int, end_ms: int) -> int | None:
    return end_ms - start_ms if start_ms and end_ms else None


def answer_of(job: Job, result: Result) -> Any:
    """The whole answer of a job that completed, as its endpoint gives it."""
    if job.request:
        return ResponseHead.stored(job).whole(result.end, result.generated.pieces)
    if job.is_engine_written:
        return msgspec.Raw(result.response) if result.response else None
    envelope = Envelope.of(job, read(job.api, job.body), job.created_ms // 1000)
    return whole_answer(envelope, "".join(result.generated.pieces), result.end)
