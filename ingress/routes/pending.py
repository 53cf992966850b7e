"""Responses that are under way while their job runs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from ingress.http.connection import Connection
from ingress.intake import accounting
from ingress.intake.leaving import leave_for_sure
from penstock.answers.outcome import error_of
from penstock.answers.whole import whole_answer
from penstock.broker.records import record
from penstock.errors import EngineFailedError
from penstock.intake.ending import purge_soon

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from ingress.http.exchange import Exchange
    from ingress.intake.context import Context
    from ingress.intake.submit import Ticket
    from ingress.streams.listener import Listener
    from ingress.streams.stream import Stream
    from penstock.answers.chunks import Envelope
    from penstock.answers.events import Events
    from penstock.errors import ApiError
    from penstock.frames import End
    from penstock.job import Job, NewJob

#: What every stream of events begins with.
STREAM_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}


class Pending(Response, ABC):
    """Serves a listener until the job's end or the client's, whichever comes first."""

    def __init__(self, context: Context, exchange: Exchange, listener: Listener, job: NewJob | Job) -> None:
        super().__init__()
        self._context = context
        self._exchange = exchange
        self._listener = listener
        #: Whether the job goes on when nobody waits for it.
        self._is_kept = job.is_kept
        #: Whether the job was for this answer alone.
        self._is_fleeting = not (job.is_kept or job.is_stored)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - see Connection
        """Answer. Raises the ApiError of a job that fails before its answer has begun."""
        connection = Connection.of(scope)
        try:
            with connection.watched(self._listener.abandon):
                await self._answer(connection, send)
        finally:
            self._context.relay.remove(self._listener)
        if self._listener.is_abandoned:
            accounting.note_client_gone(self._exchange, self._listener, was_cut=connection.was_cut)
            if not (connection.was_cut or self._is_kept or self._listener.end is not None):
                await leave_for_sure(self._context, self._listener.job_id)
        elif self._is_fleeting:
            self._context.spawn(purge_soon(self._context.broker, self._listener.job_id))

    @abstractmethod
    async def _answer(self, connection: Connection, send: Send) -> None:
        """Wait and write; return early if the listener is abandoned."""

    async def _stream_at_once(self, stream: Stream, events: Events, connection: Connection, send: Send) -> None:
        """Send the head and then whatever there is and comes."""
        with connection.writer.holding_head():
            await self._send_head(send, STREAM_HEADERS)
        stream.open(connection, events)
        await stream.over
        if not stream.is_abandoned:
            await self._send_rest(send, stream.last_words)

    async def _send_head(self, send: Send, headers: dict[str, str], status: int = 200) -> None:
        fields = {**headers, **self._exchange.headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})

    @staticmethod
    async def _send_rest(send: Send, body: bytes = b"") -> None:
        await send({"type": "http.response.body", "body": body})


class PendingGeneration(Pending):
    """The answer to a request that submitted a job, or found the one it had submitted before."""

    def __init__(self, context: Context, exchange: Exchange, listener: Listener, ticket: Ticket) -> None:
        super().__init__(context, exchange, listener, ticket.job)
        self._ticket = ticket

    def _note_end(self) -> None:
        if self._listener.end is not None:
            accounting.note_end(self._context, self._exchange, self._ticket, self._listener.end)

    @property
    def _failure(self) -> ApiError | None:
        return error_of(self._listener.end) if self._listener.end else None

    def _raise_failure(self) -> None:
        error = self._failure
        if error is not None:
            raise error


class WholeAnswer(PendingGeneration):
    """Everything at the end."""

    async def _answer(self, connection: Connection, send: Send) -> None:  # noqa: ARG002 - the answer is one message
        listener = self._listener
        await listener.over
        self._note_end()
        if listener.is_abandoned or listener.end is None:
            return
        self._raise_failure()
        body = await self._body(listener.end)
        await self._send_head(send, {"content-type": "application/json", "content-length": str(len(body))})
        await self._send_rest(send, body)

    @abstractmethod
    async def _body(self, end: End) -> bytes:
        """The response's, of a job that completed."""


class WholeCompletion(WholeAnswer):
    """A chat's or a completion's; `is_engine_written` where the worker wrote the response itself."""

    def __init__(
        self,
        context: Context,
        exchange: Exchange,
        listener: Listener,
        ticket: Ticket,
        envelope: Envelope,
        *,
        is_engine_written: bool,
    ) -> None:
        super().__init__(context, exchange, listener, ticket)
        self._envelope = envelope
        self._is_engine_written = is_engine_written

    async def _body(self, end: End) -> bytes:
        if self._is_engine_written:
            return await self._written_by_worker()
        return msgspec.json.encode(whole_answer(self._envelope, "".join(self._listener.pieces), end))

    async def _written_by_worker(self) -> bytes:
        job = await self._context.broker.ask(record(self._listener.pool, self._listener.job_id))
        if job is None or job.result is None or not job.result.response:
            raise EngineFailedError("The job completed without an answer.")
        return job.result.response


class StreamedAnswer(PendingGeneration):
    """Token by token.

    For some time nothing is sent before the first, so that an early failure is a plain HTTP error; then the head is, so
    that nobody between takes the connection for dead.
    """

    def __init__(self, context: Context, exchange: Exchange, stream: Stream, ticket: Ticket, events: Events) -> None:
        super().__init__(context, exchange, stream, ticket)
        self._stream = stream
        self._events = events

    async def _answer(self, connection: Connection, send: Send) -> None:
        stream = self._stream
        await stream.began
        has_head = stream.is_waiting
        if has_head:
            with connection.writer.holding_head():
                await self._send_head(send, STREAM_HEADERS)
            stream.show_waiting(connection)
            await stream.began
        if stream.is_abandoned:
            return
        if not has_head:
            self._raise_failure()
            with connection.writer.holding_head():
                await self._send_head(send, STREAM_HEADERS)
        if self._failure is None or stream.tokens:
            accounting.note_first_token(self._exchange)
        first_s, first_offset = time.monotonic(), stream.offset
        stream.open(connection, self._events)
        await stream.over
        self._note_end()
        accounting.note_interval(self._exchange, stream.offset - first_offset, time.monotonic() - first_s)
        if not stream.is_abandoned:
            await self._send_rest(send, stream.last_words)


class EventsAnswer(Pending):
    """A job's event stream, for a reader who may come, go and come back."""

    def __init__(self, context: Context, exchange: Exchange, stream: Stream, events: Events, job: Job) -> None:
        super().__init__(context, exchange, stream, job)
        self._stream = stream
        self._events = events

    async def _answer(self, connection: Connection, send: Send) -> None:
        stream = self._stream
        if stream.is_abandoned:
            return
        if stream.end is not None and not stream.pieces and not self._events.closing(stream.end, stream.offset):
            # A browser's EventSource comes back after every end but this.
            await self._send_head(send, {}, status=204)
            await self._send_rest(send)
            return
        await self._stream_at_once(stream, self._events, connection, send)
