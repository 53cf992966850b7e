"""The generating endpoints: from an HTTP request to a job and the response that waits for it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ingress.body import read_json
from ingress.chunks import Envelope, chunks_of
from ingress.context import Context
from ingress.events import PlainEvents
from ingress.exchange import Exchange
from ingress.listener import Listener, Wish
from ingress.responses import StreamedAnswer, WholeAnswer
from ingress.stream import Stream
from ingress.submit import Order, new_order, submit
from ingress.tokenizers import model_not_found
from penstock.errors import InvalidRequestError
from penstock.request import Api, ChatBody, CompletionBody, is_rich, parse_noting
from penstock.telemetry import spans, tracing

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from penstock.settings import PoolSettings
    from penstock.telemetry.tracing import Span

#: Longer bodies are read beside the event loop.
_LONG_BYTES = 64 << 10
_OPERATIONS = {Api.CHAT: spans.CHAT, Api.COMPLETION: spans.TEXT_COMPLETION}


async def generate(request: Request, api: Api) -> Response:
    """Submit what a request asks for; returns the response that waits for it. Raises ApiError."""
    context, exchange = Context.of(request), Exchange.of(request)
    tenant = context.tenant(request)
    raw = await read_json(request, context.settings.ingress)
    if len(raw) <= _LONG_BYTES:
        body, exchange.ignored = parse_noting(api, raw)
    else:
        body, exchange.ignored = await asyncio.to_thread(parse_noting, api, raw)
    order = _order(request, api, raw, body, tenant)
    if body.stream:
        return await _stream(context, exchange, order, body)
    return await _wait(context, exchange, order, body)


async def _stream(
    context: Context, exchange: Exchange, order: Order, body: ChatBody | CompletionBody
) -> StreamedAnswer:
    job = order.job
    stream = Stream(job.id, context.watch(job.pool), buffer_bytes=context.settings.ingress.stream_buffer_bytes)
    ticket = await submit(context, exchange, order, stream)
    events = PlainEvents(chunks_of(job, body, ticket.created_s))
    return StreamedAnswer(context, exchange, stream, ticket, events)


async def _wait(context: Context, exchange: Exchange, order: Order, body: ChatBody | CompletionBody) -> WholeAnswer:
    job = order.job
    listener = Listener(job.id, Wish.THE_END, context.watch(job.pool))
    ticket = await submit(context, exchange, order, listener)
    envelope = Envelope.of(job, body, ticket.created_s)
    return WholeAnswer(context, exchange, listener, ticket, envelope, is_rich=job.is_rich)


def _order(request: Request, api: Api, raw: bytes, body: ChatBody | CompletionBody, tenant: str) -> Order:
    """What is asked for; from here on the exchange knows its model and pool, and is traced."""
    context, exchange = Context.of(request), Exchange.of(request)
    pool = context.settings.pool_of(body.model)
    if pool is None:
        raise model_not_found(body.model)
    exchange.model, exchange.pool = body.model, pool
    _check_choices(context.settings.pools[pool], body)
    exchange.span = _span(request, exchange, api, body)
    order = new_order(
        context,
        pool=pool,
        api=api,
        model=body.model,
        body=raw,
        is_rich=_is_rich(context.settings.pools[pool], body),
        tenant=tenant,
        headers=request.headers,
        wish=Wish.EVERY_STEP if body.stream else Wish.THE_END,
        trace=tracing.pack(exchange.span.headers),
    )
    exchange.span.set({spans.POOL: pool, spans.JOB_ID: order.job.id})
    return order


def _is_rich(pool: PoolSettings, body: ChatBody | CompletionBody) -> bool:
    """Whether an answer is more than one run of text: by what is asked for, or because the model reasons first."""
    return is_rich(body, calls_tools=pool.calls_tools, separates_reasoning=pool.separates_reasoning)


def _check_choices(pool: PoolSettings, body: ChatBody | CompletionBody) -> None:
    """Each choice takes a slot of its worker. Raises InvalidRequestError."""
    if (body.n or 1) > pool.slots:
        raise InvalidRequestError(f"n is {body.n}, and a worker of this model has {pool.slots} slots.", param="n")


def _span(request: Request, exchange: Exchange, api: Api, body: ChatBody | CompletionBody) -> Span:
    wanted = {
        spans.REQUEST_STREAM: bool(body.stream),
        spans.REQUEST_MAX_TOKENS: body.max_tokens,
        spans.REQUEST_TEMPERATURE: body.temperature,
        spans.REQUEST_TOP_P: body.top_p,
        spans.REQUEST_TOP_K: body.top_k,
        spans.REQUEST_SEED: body.seed,
    }
    return tracing.start(
        spans.request_name(_OPERATIONS[api], body.model),
        tracing.trace_headers(request.headers),
        {
            spans.OPERATION_NAME: _OPERATIONS[api],
            spans.PROVIDER_NAME: spans.PROVIDER,
            spans.REQUEST_MODEL: body.model,
            **{name: value for name, value in wanted.items() if value is not None},
        },
        start_ms=round((time.time() - exchange.elapsed_s) * 1000),
    )
