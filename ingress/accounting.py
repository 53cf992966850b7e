"""What a request leaves behind in metrics, spans and logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from penstock.errors import ApiError
from penstock.telemetry import events, logs, metrics, spans

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ingress.context import Context
    from ingress.listener import Listener
    from ingress.submit import Ticket
    from penstock.frames import End

from ingress.exchange import REQUEST_ID_HEADER, Exchange, client_request_id

#: What servers log for a client that went away before its answer.
_CLIENT_GONE = 499
_REQUEST_ID = REQUEST_ID_HEADER.encode()

log = logs.get()


class Observed:
    """Counts and times every HTTP request that the wrapped app serves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(client_request_id=client_request_id(scope["headers"]))
        exchange.enter(scope)
        if exchange.client_request_id:
            # The task is the request's own.
            logs.bind(client_request_id=exchange.client_request_id)

        async def noting_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                name = (_REQUEST_ID, exchange.request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), name]}
            await send(message)

        try:
            await self.app(scope, receive, noting_status)
        except Exception:
            exchange.status = ApiError.status
            raise
        finally:
            metrics.child(metrics.REQUESTS, exchange.model, str(exchange.status or _CLIENT_GONE)).inc()
            metrics.child(metrics.REQUEST_SECONDS, exchange.model).observe(exchange.elapsed_s)
            if exchange.span is not None:
                if exchange.client_request_id:
                    exchange.span.set({spans.CLIENT_REQUEST_ID: exchange.client_request_id})
                exchange.span.end(exchange.error)


def note_first_token(exchange: Exchange) -> None:
    """The answer begins."""
    metrics.child(metrics.TTFT_SECONDS, exchange.model).observe(exchange.elapsed_s)


def note_interval(exchange: Exchange, tokens: int, streamed_s: float) -> None:
    """So many tokens came in that time after the first."""
    if tokens > 0:
        metrics.child(metrics.ITL_SECONDS, exchange.model).observe(streamed_s / tokens)


def note_end(context: Context, exchange: Exchange, ticket: Ticket, end: End) -> None:
    """The job ended while its client waited."""
    context.drains[ticket.job.pool].record(time.monotonic())
    exchange.trace_end(end)
    if ticket.is_new:
        for kind, count in (
            ("prompt", end.prompt_tokens),
            ("cached", end.cached_tokens),
            ("generated", end.completion_tokens),
        ):
            metrics.child(metrics.TOKENS, exchange.model, kind).inc(count)


def note_client_gone(exchange: Exchange, listener: Listener, *, was_cut: bool) -> None:
    """The client went away before the end, or was sent away because it did not read."""
    if was_cut:
        metrics.SLOW_READERS.labels(exchange.model).inc()
        log.warning(events.CLIENT_TOO_SLOW, job=listener.job_id, tokens=listener.offset)
    else:
        metrics.DISCONNECTS.labels(exchange.model).inc()
        log.info(events.CLIENT_GONE, job=listener.job_id, tokens=listener.offset)
