"""The generating endpoints: from an HTTP request to a job and the response that waits for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ingress.http.body import read_json
from ingress.http.exchange import Exchange
from ingress.intake.context import Context
from ingress.intake.order import Order
from ingress.intake.submit import submit
from ingress.intake.terms import waiting_terms
from ingress.routes.ordering import order_for
from ingress.routes.pending import StreamedAnswer, WholeCompletion
from ingress.streams.listener import DeliveryMode, Listener
from ingress.streams.stream import Stream
from penstock.answers.chunks import Envelope, chunks_of
from penstock.answers.events import PlainEvents
from penstock.long_bodies import reading
from penstock.request import Api, ChatBody, CompletionBody, parse_noting

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def generate(request: Request, api: Api) -> Response:
    """Submit what a request asks for; returns the response that waits for it. Raises ApiError."""
    context, exchange = Context.of(request), Exchange.of(request)
    caller = context.caller(request)
    raw = await read_json(request, context.settings.ingress)
    body, exchange.ignored = await reading(partial(parse_noting, api), raw)
    delivery = DeliveryMode.EVERY_STEP if body.stream else DeliveryMode.THE_END
    order = order_for(
        request,
        api=api,
        raw=raw,
        body=body,
        caller=caller,
        terms=waiting_terms(request.headers, body.service_tier),
        listeners=context.attacher.entry(delivery),
    )
    if body.stream:
        return await _stream(context, exchange, order, body)
    return await _wait(context, exchange, order, body)


async def _stream(
    context: Context, exchange: Exchange, order: Order, body: ChatBody | CompletionBody
) -> StreamedAnswer:
    job = order.job
    watch = context.watch(job.pool, queue_timeout_s=job.queue_timeout_ms / 1000)
    stream = Stream(job.id, watch, buffer_bytes=context.settings.ingress.stream_buffer_bytes)
    ticket = await submit(context, exchange, order, stream)
    events = PlainEvents(chunks_of(job, body, ticket.created_s))
    return StreamedAnswer(context, exchange, stream, ticket, events)


async def _wait(context: Context, exchange: Exchange, order: Order, body: ChatBody | CompletionBody) -> WholeCompletion:
    job = order.job
    watch = context.watch(job.pool, queue_timeout_s=job.queue_timeout_ms / 1000)
    listener = Listener(job.id, DeliveryMode.THE_END, watch)
    ticket = await submit(context, exchange, order, listener)
    envelope = Envelope.of(job, body, ticket.created_s)
    return WholeCompletion(context, exchange, listener, ticket, envelope, is_engine_written=job.is_engine_written)
