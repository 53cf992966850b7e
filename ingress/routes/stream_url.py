"""`/v1/jobs/{id}/stream-url` and what it leads to: a job's stream for a web page, which has no API key."""

from __future__ import annotations

import time
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_body, require_json
from ingress.http.connection import Connection
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.intake.finding import job_of, job_of_caller
from ingress.intake.stream_keys import NO_CANCEL
from ingress.intake.stream_token import StreamToken
from ingress.openapi import examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.event_stream import event_stream
from ingress.openapi.headers import JOB_ID, NO_STORE, UNBUFFERED
from ingress.openapi.operation import Body, Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import AFTER, JOB, LAST_EVENT_ID, TOKEN
from ingress.routes.following import follow
from penstock.answers.events import PageEvents
from penstock.answers.objects import ChatCompletionChunk, CompletionChunk
from penstock.answers.stream_objects import JobState, StreamEnd, StreamUrl
from penstock.errors import (
    ApiError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    StreamTokenError,
    UnsupportedCodingError,
    UnsupportedMediaTypeError,
)
from penstock.intake.ending import cancel_and_wait
from penstock.request.stream_url_request import StreamUrlRequest, parse_stream_url_request

router = APIRouter(prefix="/v1/jobs/{job_id}")

_BY_TOKEN: tuple[type[ApiError], ...] = (StreamTokenError, NotFoundError, *QUEUE)


@router.post("/stream-url")
@described(
    Operation(
        id="createStreamUrl",
        tag=Tag.JOBS,
        summary="Let a web page read a job's stream",
        description=(
            "Gives an address with a token that is bound to this job and good for a while: a page opens it with "
            "EventSource, and no key is in the browser. Without a body it lets read for as long as may be."
        ),
        parameters=(JOB,),
        body=Body(
            description="On which terms.",
            schema=StreamUrlRequest,
            is_required=False,
            examples=examples.STREAM_URL_REQUESTS,
        ),
        replies=(
            Reply(
                description="The address.",
                media=(Media(schema=StreamUrl, examples={"url": Example("For a minute", examples.STREAM_URL)}),),
                headers=(JOB_ID, NO_STORE),
            ),
        ),
        errors=(NotFoundError, UnsupportedMediaTypeError, UnsupportedCodingError, *QUEUE),
    )
)
async def stream_url(request: Request, job_id: str) -> Response:
    """An address of the job's stream that anybody can open who has it, until its time is over."""
    context = Context.of(request)
    job = await job_of_caller(request, job_id)
    asked = await _read(request)
    longest_s = context.settings.streams.token_ttl_s
    ttl_s = longest_s if asked.ttl_s is None else asked.ttl_s
    if ttl_s > longest_s:
        raise InvalidRequestError(f"ttl_s must be at most {longest_s:g}: streams.token_ttl_s.", param="ttl_s")
    now_s = time.time()
    expires_s = int(now_s + ttl_s)
    token = await context.stream_keys.token(job.id, expires_s, now_s, can_cancel=bool(asked.can_cancel))
    url = f"/v1/jobs/{quote(job.id)}/stream?token={token}"
    made = StreamUrl(job=job.id, url=url, expires_at=expires_s, can_cancel=bool(asked.can_cancel))
    response = json_response(request, made)
    response.headers["cache-control"] = "no-store"
    return response


@router.api_route("/stream", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readJobStream",
        tag=Tag.JOBS,
        summary="Read a job's stream by a token",
        description="As `/events`, for a page's EventSource: it is told how soon to come back, and when not to.",
        parameters=(JOB, TOKEN, AFTER, LAST_EVENT_ID),
        replies=(
            Reply(
                description="The events that come after that place.",
                media=(
                    event_stream(
                        ChatCompletionChunk,
                        CompletionChunk,
                        StreamEnd,
                        examples={"events": Example("From the beginning", examples.PAGE_EVENTS)},
                        is_numbered=True,
                        tells_end=True,
                    ),
                ),
                headers=(JOB_ID, NO_STORE, UNBUFFERED),
            ),
            Reply(
                status=204, description="There is nothing after that place: an EventSource stops.", headers=(JOB_ID,)
            ),
        ),
        errors=_BY_TOKEN,
        needs_key=False,
    )
)
async def stream(request: Request, job_id: str) -> Response:
    """As `/events`, for whoever has a token; an event `end` follows the last, and a 204 whoever comes back after it."""
    Connection.of(request.scope).require_client()
    await _token(request, job_id)
    return await follow(request, await job_of(request, job_id), PageEvents)


@router.delete("/stream")
@described(
    Operation(
        id="cancelJobByToken",
        tag=Tag.JOBS,
        summary="Cancel a job by a token",
        description="Ends it unless it has ended, where its token allows that.",
        parameters=(JOB, TOKEN),
        replies=(
            Reply(
                description="The state that it is in.",
                media=(Media(schema=JobState, examples={"state": Example("Cancelled", examples.CANCELLED)}),),
                headers=(JOB_ID,),
            ),
        ),
        errors=(ForbiddenError, *_BY_TOKEN),
        needs_key=False,
    )
)
async def cancel(request: Request, job_id: str) -> Response:
    """End the job unless it has ended; its stream tells how."""
    token = await _token(request, job_id)
    if not token.can_cancel:
        raise ForbiddenError(NO_CANCEL)
    await job_of(request, job_id)
    await cancel_and_wait(Context.of(request).broker, job_id)
    job = await job_of(request, job_id)
    return json_response(request, JobState(id=job.id, state=job.state))


async def _read(request: Request) -> StreamUrlRequest:
    """What is asked for; nothing need be. Raises as `read_json` does."""
    raw = await read_body(request, Context.of(request).settings.ingress)
    if raw:
        require_json(request)
    return parse_stream_url_request(raw)


async def _token(request: Request, job_id: str) -> StreamToken:
    """Looked at before the job is: who has none learns nothing of it. Raises StreamTokenError."""
    text = request.query_params.get("token", "")
    return await Context.of(request).stream_keys.check(text, job_id, time.time())
