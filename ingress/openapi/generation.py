"""What the two generating operations have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingress.openapi.errors import QUEUE
from ingress.openapi.event_stream import event_stream
from ingress.openapi.headers import IGNORED, JOB_ID, NO_STORE, UNBUFFERED
from ingress.openapi.operation import Body, Component, Example, Link, Media, Operation, Reply, Tag
from ingress.openapi.parameters import CLASS, CLIENT_REQUEST_ID, DEADLINE, IDEMPOTENCY_KEY, KEEP, TRACEPARENT
from penstock.errors import (
    ApiError,
    BodyTooLargeError,
    CancelledError,
    ContextLengthError,
    EngineFailedError,
    IdempotencyConflictError,
    ModelNotFoundError,
    NotFoundError,
    QueueFullError,
    RequestTimeoutError,
    RunTimeoutError,
    UnsupportedCodingError,
    UnsupportedMediaTypeError,
    WorkerLostError,
)

#: What any body may be refused with.
OF_A_BODY: tuple[type[ApiError], ...] = (
    BodyTooLargeError,
    RequestTimeoutError,
    UnsupportedMediaTypeError,
    UnsupportedCodingError,
)
#: What a request that asks for tokens may fail of.
ERRORS: tuple[type[ApiError], ...] = (
    *OF_A_BODY,
    *QUEUE,
    CancelledError,
    ContextLengthError,
    EngineFailedError,
    IdempotencyConflictError,
    ModelNotFoundError,
    NotFoundError,
    QueueFullError,
    RunTimeoutError,
    WorkerLostError,
)
_ABOUT = """\
Without `stream` the answer is one object. With it, it is a stream of server-sent events; what fails before the first
token is a plain error, what fails later an event with an `error`. The request is a job: `x-penstock-job-id` names it,
and its events can be read again, from any place on, at `/v1/jobs/{job_id}/events`.

The job goes on while anybody waits for it. Fields that nobody knows are ignored and named in `x-penstock-ignored`."""

LINKS = {
    name: Link(
        operation=operation, description=description, parameters={"job_id": "$response.header.x-penstock-job-id"}
    )
    for name, operation, description in (
        ("job", "retrieveJob", "The job behind this answer."),
        ("events", "readJobEvents", "Its events, from the beginning."),
        ("cancel", "cancelJob", "End it."),
    )
}


def generation(
    *,
    operation: str,
    summary: str,
    body: Component,
    requests: Mapping[str, Example],
    whole: tuple[type, Any],
    chunk: tuple[type, str],
) -> Operation:
    """The operation; `whole` and `chunk` are types, each with an example."""
    return Operation(
        id=operation,
        tag=Tag.GENERATION,
        summary=summary,
        description=_ABOUT,
        parameters=(IDEMPOTENCY_KEY, KEEP, CLASS, DEADLINE, CLIENT_REQUEST_ID, TRACEPARENT),
        body=Body(description="What to answer, and how.", schema=body, examples=requests),
        replies=(
            Reply(
                description="The answer: one object or, with `stream`, its chunks as they come.",
                media=(
                    Media(schema=whole[0], examples={"whole": Example("The whole answer", whole[1])}),
                    event_stream(chunk[0], examples={"stream": Example("The answer as a stream", chunk[1])}),
                ),
                headers=(JOB_ID, IGNORED, NO_STORE.optional, UNBUFFERED.optional),
                links=LINKS,
            ),
        ),
        errors=ERRORS,
    )
