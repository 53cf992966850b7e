"""From an HTTP request that asks for tokens to its order, with a span that its job goes on with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ingress.http.exchange import Exchange
from ingress.intake.auth import Caller
from ingress.intake.context import Context
from ingress.intake.order import Order, new_order
from ingress.intake.terms import Terms
from penstock.intake.asking import Asked
from penstock.intake.new_job import pool_for
from penstock.request import Api, ChatBody, CompletionBody
from penstock.telemetry import spans, trace_context, tracing

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock.telemetry.span import Span

_OPERATIONS = {Api.CHAT: spans.CHAT, Api.COMPLETION: spans.TEXT_COMPLETION}


def order_for(
    request: Request,
    *,
    api: Api,
    raw: bytes,
    body: ChatBody | CompletionBody,
    caller: Caller,
    terms: Terms,
    listeners: str,
    original: bytes = b"",
) -> Order:
    """What is asked for; from here on the exchange knows its model and pool, and is traced.

    `original` is the request that `raw` was made of, where that is another. Raises ApiError.
    """
    context, exchange = Context.of(request), Exchange.of(request)
    pool = pool_for(context.settings, body)
    exchange.model, exchange.pool = body.model, pool
    exchange.span = _span(request, exchange, api, body)
    order = new_order(
        pool,
        context.settings.pools[pool],
        Asked(api, body, raw, original),
        caller=caller,
        terms=terms,
        listeners=listeners,
        trace=trace_context.pack(exchange.span.headers),
    )
    exchange.span.set({spans.POOL: pool, spans.JOB_ID: order.job.id})
    return order


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
        trace_context.trace_headers(request.headers),
        {
            spans.OPERATION_NAME: _OPERATIONS[api],
            spans.PROVIDER_NAME: spans.PROVIDER,
            spans.REQUEST_MODEL: body.model,
            **{name: value for name, value in wanted.items() if value is not None},
        },
        start_ms=round((time.time() - exchange.elapsed_s) * 1000),
    )
