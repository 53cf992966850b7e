"""What a generating request leaves behind in metrics, spans and logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from ingress.http.exchange import Exchange
    from ingress.intake.context import Context
    from ingress.intake.submit import Ticket
    from ingress.streams.listener import Listener
    from penstock.frames import End

log = logs.get()


def note_first_token(exchange: Exchange) -> None:
    """Record the time to the first token."""
    metrics.child(metrics.TTFT_SECONDS, exchange.model).observe(exchange.elapsed_s)


def note_interval(exchange: Exchange, tokens: int, streamed_s: float) -> None:
    """Record the mean time between tokens: `tokens` came in `streamed_s` after the first."""
    if tokens > 0:
        metrics.child(metrics.ITL_SECONDS, exchange.model).observe(streamed_s / tokens)


def note_end(context: Context, exchange: Exchange, ticket: Ticket, end: End) -> None:
    """Record a job that ended while its client waited; its tokens count only for the request that made the job."""
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
    """Record a client that left before the end, or that was cut off (`was_cut`) because it read too slowly."""
    if was_cut:
        metrics.SLOW_READERS.labels(exchange.model).inc()
        log.warning(events.CLIENT_TOO_SLOW, job=listener.job_id, tokens=listener.offset)
    else:
        metrics.DISCONNECTS.labels(exchange.model).inc()
        log.info(events.CLIENT_GONE, job=listener.job_id, tokens=listener.offset)
