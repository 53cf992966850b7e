"""`/v1/jobs/{id}`: a job's record, its event stream from any place on, and its end before its time."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter
from msgspec import Meta, Struct
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.connection import Connection
from ingress.http.query import flag
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.intake.finding import job_of_caller
from ingress.openapi import examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.event_stream import event_stream
from ingress.openapi.headers import JOB_ID, NO_STORE, UNBUFFERED
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import AFTER, JOB, LAST_EVENT_ID, PURGE
from ingress.openapi.schemas import schema_of
from ingress.routes.following import follow
from penstock.answers.events import NumberedEvents
from penstock.answers.job_object import JobObject, job_object
from penstock.answers.objects import ChatCompletionChunk, CompletionChunk
from penstock.errors import ApiError, NotFoundError
from penstock.intake.ending import cancel_and_wait, purge
from penstock.job import Job
from penstock.long_bodies import making


class _JobId(StringConvertor):
    """Anything but the name of the endpoint beside it: GET of that one is a 405, and no job that is not there."""

    regex = r"(?!bulk$)[^/]+"


register_url_convertor("job_id", _JobId())
router = APIRouter(prefix="/v1/jobs/{job_id:job_id}")

_DONE, _NOT_YET = 200, 202


class ErasedJob(Struct, kw_only=True):
    """A job of whose request and answer nothing is left, or will be."""

    id: str
    object: Literal["job"]
    deleted: Annotated[bool, Meta(description="false while its worker has yet to end it.")]


_ERRORS: tuple[type[ApiError], ...] = (NotFoundError, *QUEUE)
_JOB = Reply(
    description="The job as it stands.",
    media=(Media(schema=JobObject, examples={"job": Example("A job that has ended", examples.JOB)}),),
    headers=(JOB_ID,),
)


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveJob",
        tag=Tag.JOBS,
        summary="Look a job up",
        description="State, attempts, timings, usage and result. It can be read for a while after its end.",
        parameters=(JOB,),
        replies=(_JOB,),
        errors=_ERRORS,
    )
)
async def retrieve(request: Request, job_id: str) -> Response:
    """The job: state, attempts, timings, usage, result."""
    return json_response(request, await _shown(await job_of_caller(request, job_id)))


@router.delete("")
@described(
    Operation(
        id="cancelJob",
        tag=Tag.JOBS,
        summary="Cancel a job, or erase it",
        description=(
            "Ends it unless it has ended; `cancel_requested`: its worker has yet to do so. "
            "With `purge` nothing is left of its request and its answer."
        ),
        parameters=(JOB, PURGE),
        replies=(
            Reply(
                description="The job as it stands, or that it is erased.",
                media=(
                    Media(
                        schema={"anyOf": [schema_of(JobObject), schema_of(ErasedJob)]},
                        types=(JobObject, ErasedJob),
                        examples={
                            "job": Example("A job that has ended", examples.JOB),
                            "erased": Example("A job that is erased", examples.ERASED),
                        },
                    ),
                ),
                headers=(JOB_ID,),
            ),
            Reply(
                status=_NOT_YET,
                description="It is erased once its worker has ended it.",
                media=(
                    Media(
                        schema=ErasedJob,
                        examples={"erased": Example("Not yet", {**examples.ERASED, "deleted": False})},
                    ),
                ),
                headers=(JOB_ID,),
            ),
        ),
        errors=_ERRORS,
    )
)
async def cancel(request: Request, job_id: str) -> Response:
    """End the job unless it has ended; returns it as it stands then.

    With `?purge=true` nothing is left of its request and its answer; a 202 says that its worker has yet to end it.
    """
    await job_of_caller(request, job_id)
    # One that was to erase it would only cancel it.
    check_query(request)
    broker = Context.of(request).broker
    if flag(request, "purge"):
        is_gone = await purge(broker, job_id)
        erased = ErasedJob(id=job_id, object="job", deleted=is_gone)
        return json_response(request, erased, _DONE if is_gone else _NOT_YET)
    await cancel_and_wait(broker, job_id)
    return json_response(request, await _shown(await job_of_caller(request, job_id)))


@router.api_route("/events", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readJobEvents",
        tag=Tag.JOBS,
        summary="Read a job's events",
        description=(
            "The chunks of its answer as numbered events, from any place on, whether it runs or has ended, and however "
            "it was asked for. A browser's EventSource reconnects by itself with the last id it saw."
        ),
        parameters=(JOB, AFTER, LAST_EVENT_ID),
        replies=(
            Reply(
                description="The events that come after that place.",
                media=(
                    event_stream(
                        ChatCompletionChunk,
                        CompletionChunk,
                        examples={"events": Example("From the beginning", examples.JOB_EVENTS)},
                        is_numbered=True,
                    ),
                ),
                headers=(JOB_ID, NO_STORE, UNBUFFERED),
            ),
            Reply(
                status=204, description="There is nothing after that place: an EventSource stops.", headers=(JOB_ID,)
            ),
        ),
        errors=_ERRORS,
    )
)
async def events(request: Request, job_id: str) -> Response:
    """The chunks of the job's answer, each with an id; goes on after `Last-Event-ID`, or after `?after=`.

    A 204 says that the reader has had everything.
    """
    # Whoever comes and goes in no time costs next to nothing: an answer may be long, and there may be many of them.
    Connection.of(request.scope).require_client()
    return await follow(request, await job_of_caller(request, job_id), NumberedEvents)


async def _shown(job: Job) -> JobObject:
    return await making(partial(job_object, job), job.size_bytes)
