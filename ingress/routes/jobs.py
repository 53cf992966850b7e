"""`/v1/jobs`: submit a job and come back for it, submit many at once, and list one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter
from msgspec import Meta, Struct, field
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_json
from ingress.http.exchange import Exchange
from ingress.http.lines import LINES_TYPE, read_lines
from ingress.http.replies import json_response
from ingress.intake.bulk import Intake, LineOutcome, encode_outcome
from ingress.intake.context import Context
from ingress.intake.inner_request import asked_inside
from ingress.intake.job_query import job_filter, page_limit
from ingress.intake.listing import page_of_jobs
from ingress.intake.order import job_order
from ingress.intake.place import Place, place_of
from ingress.intake.repeats import confirmed
from ingress.intake.submit import Ticket, accept
from ingress.intake.terms import header_terms, shared_terms
from ingress.intake.webhooks import has_job_secret, job_target, needs_job_secret, no_job_secret
from ingress.openapi import examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.headers import IGNORED, JOB_ID, LOCATION
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Body, Component, Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import (
    AFTER_JOB,
    CLASS,
    CLASS_ASKED,
    CREATED_AFTER,
    CREATED_BEFORE,
    DEADLINE,
    IDEMPOTENCY_KEY,
    LIMIT,
    METADATA,
    MODEL_ASKED,
    STATE,
)
from ingress.openapi.schemas import schema_of
from penstock.answers.job_object import ListedJob, listed_object
from penstock.broker import job_index
from penstock.errors import (
    IdempotencyConflictError,
    InvalidRequestError,
    ModelNotFoundError,
    QueueFullError,
    UnsupportedCodingError,
    UnsupportedMediaTypeError,
)
from penstock.job import State, pool_of
from penstock.job_class import JobClass
from penstock.long_bodies import reading
from penstock.request.job_request import parse_job_request

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCEPTED = 202

router = APIRouter(prefix="/v1/jobs")


class AcceptedJob(Struct, kw_only=True):
    """A job that was just accepted, or that its Idempotency-Key stands for."""

    id: str
    object: Literal["job"]
    state: Annotated[State | None, Meta(description="null for a job that was there before: it may have ended.")]
    model: str
    job_class: Annotated[JobClass, Meta(description="Its order of service.")] = field(name="class")
    created_at: Annotated[int, Meta(ge=0, description="Unix seconds.")]
    metadata: dict[str, str]
    place: Annotated[Place | None, Meta(description="What was ahead of it a moment before.")]


class JobList(Struct, kw_only=True):
    """A page of jobs."""

    object: Literal["list"]
    data: list[ListedJob]
    has_more: bool
    next: Annotated[str | None, Meta(description="What `after` is for the next page; null on the last.")]


@router.post("")
@described(
    Operation(
        id="submitJob",
        tag=Tag.JOBS,
        summary="Submit a job and come back for it",
        description="The job is durable when this answers. Ask for it where `location` says, or read its events.",
        parameters=(IDEMPOTENCY_KEY, CLASS, DEADLINE),
        body=Body(
            description="A request of a generating endpoint, and on which terms it waits.",
            schema=Component("JobRequest"),
            examples={"chat": Example("A chat that nobody waits for", examples.JOB_REQUEST)},
        ),
        replies=(
            Reply(
                description="The job, and its place in the queue.",
                status=_ACCEPTED,
                media=(
                    Media(schema=AcceptedJob, examples={"job": Example("A job that waits", examples.ACCEPTED_JOB)}),
                ),
                headers=(JOB_ID, LOCATION, IGNORED),
            ),
        ),
        errors=(ModelNotFoundError, UnsupportedMediaTypeError, IdempotencyConflictError, QueueFullError, *QUEUE),
    )
)
async def submit(request: Request) -> Response:
    """Accept a job; returns it with its place in the queue, and where to ask for it."""
    context, exchange = Context.of(request), Exchange.of(request)
    caller = context.caller(request)
    job = await reading(parse_job_request, await read_json(request, context.settings.ingress))
    asked, pool = await asked_inside(context, caller, job)
    exchange.model, exchange.pool = asked.body.model, pool
    target = job_target(job.webhook, context.settings)
    if needs_job_secret(target) and not await has_job_secret(context.broker, caller.tenant):
        raise no_job_secret()
    order = job_order(context.settings, pool, asked, caller, job, header_terms(request.headers), target)
    (ticket,) = await confirmed(context, [await accept(context, exchange, order)])
    if isinstance(ticket, Exception):
        raise ticket
    exchange.ignored = order.ignored
    response = json_response(request, _accepted(context, ticket, asked.metadata), _ACCEPTED)
    response.headers["location"] = f"/v1/jobs/{ticket.job.id}"
    return response


@router.post("/bulk")
@described(
    Operation(
        id="submitJobs",
        tag=Tag.JOBS,
        summary="Submit many jobs, a line each",
        description=(
            "Lines of JSON, each as `POST /v1/jobs` takes it, read as they come. The answer has a line for each that "
            "is not blank, in their order: the id of its job, or an error that is no other line's."
        ),
        parameters=(CLASS, DEADLINE),
        body=Body(
            description="JSON Lines.",
            kind=LINES_TYPE,
            schema={"type": "string"},
            items=schema_of(Component("JobRequest")),
            examples={"lines": Example("One line", examples.JOB_LINES)},
        ),
        replies=(
            Reply(
                description="What came of each line.",
                media=(
                    Media(
                        kind=LINES_TYPE,
                        schema={"type": "string"},
                        items=schema_of(LineOutcome),
                        types=(LineOutcome,),
                        examples={"lines": Example("A line of an answer", examples.JOB_LINE_OUTCOMES)},
                    ),
                ),
            ),
        ),
        errors=(UnsupportedMediaTypeError, UnsupportedCodingError),
    )
)
async def submit_many(request: Request) -> Response:
    """Accept a job for each line of JSON; each line of the answer is the id of its job, or an error.

    It is read as it comes and answered at its end: a client may well send all of it before it reads.
    """
    context = Context.of(request)
    intake = Intake(context, context.caller(request), shared_terms(request.headers))
    outcomes = [encode_outcome(one) async for one in intake.take(read_lines(request, context.settings.ingress))]
    return Response(b"".join(outcomes), media_type=LINES_TYPE, headers=Exchange.of(request).headers)


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listJobs",
        tag=Tag.JOBS,
        summary="List one's own jobs, newest first",
        description="A page may hold fewer than `limit`, even none, while `has_more` is true: ask for the next.",
        parameters=(STATE, MODEL_ASKED, CLASS_ASKED, CREATED_AFTER, CREATED_BEFORE, METADATA, LIMIT, AFTER_JOB),
        replies=(
            Reply(
                description="A page of the list.",
                media=(Media(schema=JobList, examples={"jobs": Example("The last page", examples.JOB_LIST)}),),
            ),
        ),
        errors=QUEUE,
    )
)
async def list_jobs(request: Request) -> Response:
    """The caller's jobs, newest first."""
    context = Context.of(request)
    tenant = context.caller(request).tenant
    check_query(request)
    limit = page_limit(request)
    wanted = job_filter(request.query_params)
    after = None
    cursor = request.query_params.get("after")
    if cursor is not None:
        pool = pool_of(cursor)
        known = pool in context.settings.pools
        after = await context.broker.ask(job_index.place_of(pool, tenant, cursor)) if known else None
        if after is None:
            raise InvalidRequestError(f"after: {cursor[:100]!r} is no job of your list.", param="after")
    pools = list(context.settings.pools)
    page = await page_of_jobs(context.broker, pools, tenant, wanted, limit=limit, after=after)
    data = [listed_object(job) for job in page.jobs]
    body = JobList(object="list", data=data, has_more=page.next is not None, next=page.next)
    return json_response(request, body)


def _accepted(context: Context, ticket: Ticket, metadata: Mapping[str, str]) -> AcceptedJob:
    job = ticket.job
    counts, sizes = context.pool_watch.waiting(job.pool)
    place = place_of(
        job,
        counts,
        sizes,
        drained_per_s=context.lane(job.pool).drained_per_s,
        free_slots=context.pool_watch.free_slots(job.pool),
    )
    return AcceptedJob(
        id=job.id,
        object="job",
        # One that was there before may have ended since: its own address says.
        state=State.QUEUED if ticket.is_new else None,
        model=job.model,
        job_class=job.job_class,
        created_at=ticket.created_s,
        metadata=dict(metadata),
        place=place if ticket.is_new else None,
    )
