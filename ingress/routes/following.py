"""Answering with a job's event stream from any place on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from ingress.http.connection import Connection
from ingress.http.exchange import Exchange
from ingress.intake.context import Context
from ingress.routes.pending import STREAM_HEADERS, EventsAnswer
from ingress.streams.stream import Stream
from penstock.answers.chunks import chunks_of
from penstock.answers.position import Position, check_position
from penstock.job import pool_of
from penstock.request import read

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock.answers.events import NumberedEvents
    from penstock.job import Job


async def follow(request: Request, job: Job, form: type[NumberedEvents]) -> Response:
    """The job's events after `Last-Event-ID`, or after `?after=`; a 204 where the reader has had everything.

    Raises InvalidRequestError, BrokerUnavailableError, ClientDisconnect.
    """
    context, exchange = Context.of(request), Exchange.of(request)
    Connection.of(request.scope).require_client()
    after = _position(request)
    base = after.tokens if after else 0
    body = read(job.api, job.body)
    if after is not None:
        check_position(after, job, body)
    if request.method == "HEAD":
        return Response(headers={**exchange.headers, **STREAM_HEADERS})
    chunks = chunks_of(job, body, job.created_ms // 1000)
    stream = await attached(context, job, base)
    return EventsAnswer(context, exchange, stream, form(chunks, after, job.run), job)


async def attached(context: Context, job: Job, base: int = 0) -> Stream:
    """A stream that hears a job's tokens from the `base`th on; its answer removes it from the relay.

    Raises BrokerUnavailableError, BrokerDataError.
    """
    stream = Stream(
        job.id,
        context.watch(pool_of(job.id), base),
        buffer_bytes=context.settings.ingress.stream_buffer_bytes,
        base=base,
    )
    stream.expect(job.fence)
    context.relay.add(stream)
    try:
        await context.attacher.attach(stream)
    except BaseException:
        context.relay.remove(stream)
        raise
    return stream


def _position(request: Request) -> Position | None:
    """Where to go on: a browser's EventSource reconnects with the header, whatever its URL says."""
    last = request.headers.get("last-event-id")
    if last:
        return Position.parse(last, "last-event-id")
    after = request.query_params.get("after")
    return Position.parse(after, "after") if after else None
