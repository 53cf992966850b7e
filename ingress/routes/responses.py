"""`POST /v1/responses`: a response, whole, streamed, or made in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.body import read_json
from ingress.http.exchange import Exchange
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.intake.submit import accept, submit
from ingress.intake.terms import response_terms
from ingress.openapi.operation import described
from ingress.openapi.response_operations import CREATE
from ingress.routes.ordering import order_for
from ingress.routes.response import response_object
from ingress.routes.response_answers import BackgroundStream, StreamedResponse, WholeResponse
from ingress.streams.listener import DeliveryMode, Listener
from ingress.streams.stream import Stream
from penstock.answers.responses.events import ResponseEvents
from penstock.answers.responses.response import QUEUED, ResponseHead
from penstock.intake.responses import translated
from penstock.request import Api
from penstock.request.responses import ResponsesBody

if TYPE_CHECKING:
    from ingress.intake.order import Order

router = APIRouter()


@described(CREATE)
async def create(request: Request) -> Response:
    """Submit what a request asks for; returns the response that waits for it, or says that it is queued."""
    context, exchange = Context.of(request), Exchange.of(request)
    caller = context.caller(request)
    raw = await read_json(request, context.settings.ingress)
    found = await translated(context.broker, context.settings, caller.tenant, raw)
    exchange.ignored = found.asked.ignored
    asked = found.asked.body
    order = order_for(
        request,
        api=Api.CHAT,
        raw=found.chat.raw,
        body=found.chat.body,
        caller=caller,
        terms=response_terms(asked, request.headers, context.settings.jobs.deadline_s),
        listeners=_listeners(context, asked),
        original=raw,
    )
    if asked.stream:
        return await _stream(context, exchange, order, asked)
    if asked.background:
        return await _leave(request, order, asked)
    return await _wait(context, exchange, order, asked)


def _listeners(context: Context, asked: ResponsesBody) -> str:
    if asked.stream:
        return context.attacher.entry(DeliveryMode.EVERY_STEP)
    return "" if asked.background else context.attacher.entry(DeliveryMode.THE_END)


async def _stream(context: Context, exchange: Exchange, order: Order, asked: ResponsesBody) -> Response:
    job = order.job
    watch = context.watch(job.pool, queue_timeout_s=job.queue_timeout_ms / 1000)
    stream = Stream(job.id, watch, buffer_bytes=context.settings.ingress.stream_buffer_bytes)
    ticket = await submit(context, exchange, order, stream)
    events = ResponseEvents(ResponseHead.of(job, asked, ticket.created_s))
    kind = BackgroundStream if asked.background else StreamedResponse
    return kind(context, exchange, stream, ticket, events)


async def _wait(context: Context, exchange: Exchange, order: Order, asked: ResponsesBody) -> Response:
    job = order.job
    watch = context.watch(job.pool, queue_timeout_s=job.queue_timeout_ms / 1000)
    listener = Listener(job.id, DeliveryMode.THE_END, watch)
    ticket = await submit(context, exchange, order, listener)
    return WholeResponse(context, exchange, listener, ticket, ResponseHead.of(job, asked, ticket.created_s))


async def _leave(request: Request, order: Order, asked: ResponsesBody) -> Response:
    context = Context.of(request)
    ticket = await accept(context, Exchange.of(request), order)
    if not ticket.is_new:
        # By its key: it may have ended since.
        return json_response(request, await response_object(context, order.job.id))
    return json_response(request, ResponseHead.of(ticket.job, asked, ticket.created_s).drawn(QUEUED))


# For all but POST, which takes the shortcut.
router.add_route("/v1/responses", create, methods=["POST"])
