"""`/v1/jobs/{id}`: a job's record, its event stream from any place on, and its end before its time."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.chunks import chunks_of
from ingress.context import Context
from ingress.ending import cancel_and_wait
from ingress.events import NumberedEvents
from ingress.exchange import Exchange
from ingress.job_object import job_object
from ingress.position import Position, check_position
from ingress.replies import json_response
from ingress.responses import STREAM_HEADERS, EventsAnswer
from ingress.stream import Stream
from penstock.broker.records import record
from penstock.errors import NotFoundError
from penstock.job import Job, pool_of
from penstock.request import read

router = APIRouter(prefix="/v1/jobs/{job_id}")


@router.api_route("", methods=["GET", "HEAD"])
async def retrieve(request: Request, job_id: str) -> Response:
    """The job: state, attempts, timings, usage, result."""
    return json_response(request, job_object(await _job(request, job_id)))


@router.delete("")
async def cancel(request: Request, job_id: str) -> Response:
    """End the job unless it has ended; returns it as it stands then."""
    await _job(request, job_id)
    await cancel_and_wait(Context.of(request).broker, job_id)
    return json_response(request, job_object(await _job(request, job_id)))


@router.api_route("/events", methods=["GET", "HEAD"])
async def events(request: Request, job_id: str) -> Response:
    """The chunks of the job's answer, each with an id; goes on after `Last-Event-ID`, or after `?after=`.

    A 204 says that the reader has had everything.
    """
    context, exchange = Context.of(request), Exchange.of(request)
    job = await _job(request, job_id)
    after = _position(request)
    base = after.tokens if after else 0
    body = read(job.api, job.body)
    if after is not None:
        check_position(after, job, body)
    if request.method == "HEAD":
        return Response(headers={**exchange.headers, **STREAM_HEADERS})
    chunks = chunks_of(job, body, job.created_ms // 1000)
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
    return EventsAnswer(context, exchange, stream, NumberedEvents(chunks, after, job.run), is_kept=job.is_kept)


def _position(request: Request) -> Position | None:
    """Where to go on: a browser's EventSource reconnects with the header, whatever its URL says."""
    last = request.headers.get("last-event-id")
    if last:
        return Position.parse(last, "last-event-id")
    after = request.query_params.get("after")
    return Position.parse(after, "after") if after else None


async def _job(request: Request, job_id: str) -> Job:
    """The job of that id, if it is the caller's. Raises UnauthorizedError, NotFoundError."""
    context = Context.of(request)
    tenant = context.tenant(request)
    pool = pool_of(job_id)
    job = await context.broker.ask(record(pool, job_id)) if pool in context.settings.pools else None
    if job is None or job.tenant != tenant:
        raise NotFoundError(f"There is no job {job_id[:100]!r}.", param="job_id")
    Exchange.of(request).job_id = job.id
    return job
