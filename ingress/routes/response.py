"""`/v1/responses/{id}`: a stored response, its events from any on, its input, and its end before its time."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.connection import Connection
from ingress.http.exchange import Exchange
from ingress.http.query import flag, number, word
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.openapi import response_examples as examples
from ingress.openapi.headers import JOB_ID, NO_STORE, UNBUFFERED
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.openapi.response_operations import (
    AFTER_ITEM,
    INCLUDE,
    INCLUDE_OBFUSCATION,
    LIMIT,
    OF_A_RESPONSE,
    ORDER,
    RESPONSE,
    RESPONSE_ID,
    STARTING_AFTER,
    STREAM,
    STREAMED,
)
from ingress.routes.following import attached
from ingress.routes.pending import STREAM_HEADERS
from ingress.routes.response_answers import ResponseReading
from penstock.answers.responses.events import MAX_EVENTS, ResponseEvents
from penstock.answers.responses.input_items import DEFAULT_LIMIT, MAX_LIMIT, Page, input_items, page_of
from penstock.answers.responses.objects import DeletedResponse, InputItemList
from penstock.answers.responses.output import COMPLETED
from penstock.answers.responses.response import ResponseHead, response_id, status_before_end, status_of
from penstock.broker.records import record
from penstock.errors import InvalidRequestError, NotFoundError
from penstock.intake.ending import cancel_and_wait, purge
from penstock.intake.responses import stored_response
from penstock.job import Job, pool_of
from penstock.long_bodies import making
from penstock.request.responses import read_responses

_ORDERS = ("desc", "asc")
_GONE = 200
_GOING = 202

_DELETED = Media(schema=DeletedResponse, examples={"deleted": Example("A response that is erased", examples.DELETED)})

router = APIRouter(prefix="/v1/responses/{response_id}")


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveResponse",
        tag=Tag.RESPONSES,
        summary="Look a response up, or read its events",
        description="It can be read for a while after its end. Events have the same numbers at every reading.",
        parameters=(RESPONSE_ID, STREAMED, STARTING_AFTER, INCLUDE, INCLUDE_OBFUSCATION),
        replies=(
            Reply(
                description="The response as it stands or, with `stream`, its events.",
                media=(RESPONSE, STREAM),
                headers=(JOB_ID, NO_STORE.optional, UNBUFFERED.optional),
            ),
        ),
        errors=OF_A_RESPONSE,
    )
)
async def retrieve(request: Request, response_id: str) -> Response:
    """The response as it stands; with `stream=true` its events, those after `starting_after`."""
    Context.of(request).caller(request)
    check_query(request)
    if flag(request, "stream"):
        return await _events(request, response_id)
    return json_response(request, await _drawn(await _job(request, response_id)))


@router.delete("")
@described(
    Operation(
        id="deleteResponse",
        tag=Tag.RESPONSES,
        summary="Erase a response",
        description="Ends it unless it has ended, and leaves nothing of its request and its answer.",
        parameters=(RESPONSE_ID,),
        replies=tuple(
            Reply(description=told, status=status, media=(_DELETED,), headers=(JOB_ID,))
            for status, told in ((_GONE, "It is erased."), (_GOING, "It will be, when its worker has ended it."))
        ),
        errors=OF_A_RESPONSE,
    )
)
async def delete(request: Request, response_id: str) -> Response:
    """End the response unless it has ended, and leave nothing of it; a 202 says that its worker has yet to end it."""
    job = await _job(request, response_id)
    is_gone = await purge(Context.of(request).broker, job.id)
    told = {"id": response_id, "object": "response", "deleted": is_gone}
    return json_response(request, told, _GONE if is_gone else _GOING)


@router.post("/cancel")
@described(
    Operation(
        id="cancelResponse",
        tag=Tag.RESPONSES,
        summary="Cancel a background response",
        description="Ends it unless it has ended; repeated, it returns the same.",
        parameters=(RESPONSE_ID,),
        replies=(Reply(description="The response as it stands then.", media=(RESPONSE,), headers=(JOB_ID,)),),
        errors=OF_A_RESPONSE,
    )
)
async def cancel(request: Request, response_id: str) -> Response:
    """End a background response unless it has ended; returns it as it stands then."""
    context = Context.of(request)
    job = await _job(request, response_id)
    if not job.is_kept:
        raise InvalidRequestError(
            "Only a response that is made in the background can be cancelled; any other ends when its client leaves.",
            param="response_id",
        )
    await cancel_and_wait(context.broker, job.id)
    return json_response(request, await response_object(context, job.id))


@router.api_route("/input_items", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listInputItems",
        tag=Tag.RESPONSES,
        summary="List what a response was asked with",
        parameters=(RESPONSE_ID, LIMIT, AFTER_ITEM, ORDER, INCLUDE),
        replies=(
            Reply(
                description="A page of its items.",
                media=(Media(schema=InputItemList, examples={"page": Example("A text", examples.INPUT_ITEMS)}),),
                headers=(JOB_ID,),
            ),
        ),
        errors=OF_A_RESPONSE,
    )
)
async def list_input_items(request: Request, response_id: str) -> Response:
    """The items that the response was asked with, page by page."""
    job = await _job(request, response_id)
    check_query(request)
    page = Page(
        limit=number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        after=request.query_params.get("after"),
        is_newest_first=word(request, "order", _ORDERS) == "desc",
    )
    items = await making(lambda: input_items(read_responses(job.request), job.id), len(job.request))
    return json_response(request, page_of(items, page))


async def response_object(context: Context, job_id: str) -> dict[str, Any]:
    """A response as it stands. Raises NotFoundError, BrokerUnavailableError."""
    job = await context.broker.ask(record(pool_of(job_id), job_id))
    if job is None or not job.request:
        raise NotFoundError(f"There is no response {response_id(job_id)!r}.", param="response_id")
    return await _drawn(job)


async def _drawn(job: Job) -> dict[str, Any]:
    return await making(partial(_drawn_at_once, job), job.size_bytes)


def _drawn_at_once(job: Job) -> dict[str, Any]:
    head = ResponseHead.stored(job)
    if job.result is None:
        return head.drawn(status_before_end(job))
    end = job.result.end
    completed_at = {"completed_at": job.finished_ms // 1000} if status_of(end) == COMPLETED else {}
    return head.whole(end, job.result.generated.pieces, **completed_at)


async def _events(request: Request, id_: str) -> Response:
    context, exchange = Context.of(request), Exchange.of(request)
    connection = Connection.of(request.scope)
    # Whoever comes and goes in no time costs next to nothing: an answer may be long, and there may be many of them.
    connection.require_client()
    after = number(request, "starting_after", -1, 0, MAX_EVENTS)
    job = await _job(request, id_)
    connection.require_client()
    if request.method == "HEAD":
        return Response(headers={**exchange.headers, **STREAM_HEADERS})
    head = await making(partial(ResponseHead.stored, job), len(job.request))
    stream = await attached(context, job)
    return ResponseReading(context, exchange, stream, ResponseEvents(head, after), job)


async def _job(request: Request, id_: str) -> Job:
    """The job of that response, if it is the caller's. Raises UnauthorizedError, NotFoundError."""
    context = Context.of(request)
    job = await stored_response(context.broker, context.settings, context.caller(request).tenant, id_)
    Exchange.of(request).job_id = job.id
    return job
