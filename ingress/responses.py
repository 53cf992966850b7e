"""Responses that are under way while their job runs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from ingress import accounting
from ingress.answers import whole_answer
from ingress.connection import Connection
from ingress.ending import leave_for_sure
from ingress.outcome import error_of
from penstock.broker.records import record
from penstock.errors import EngineFailedError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from ingress.chunks import Envelope
    from ingress.context import Context
    from ingress.events import Events
    from ingress.exchange import Exchange
    from ingress.listener import Listener
    from ingress.stream import Stream
    from ingress.submit import Ticket
    from penstock.errors import ApiError

#: What every stream of events begins with.
STREAM_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}


class Pending(Response, ABC):
    """Serves a listener until the job's end or the client's, whichever comes first."""

    def __init__(self, context: Context, exchange: Exchange, listener: Listener, *, is_kept: bool) -> None:
        super().__init__()
        self._context = context
        self._exchange = exchange
        self._listener = listener
        #: Whether the job goes on when nobody waits for it.
        self._is_kept = is_kept

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

    @abstractmethod
    async def _answer(self, connection: Connection, send: Send) -> None:
        """Wait and write; return early if the listener is abandoned."""

    async def _send_head(self, send: Send, headers: dict[str, str], status: int = 200) -> None:
        fields = {**headers, **self._exchange.headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})

    @staticmethod
    async def _send_rest(send: Send, body: bytes = b"") -> None:
        await send({"type": "http.response.body", "body": body})


class Generation(Pending):
    """The answer to a request that submitted a job, or found the one it had submitted before."""

    def __init__(self, context: Context, exchange: Exchange, listener: Listener, ticket: Ticket) -> None:
        super().__init__(context, exchange, listener, is_kept=ticket.job.is_kept)
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


class WholeAnswer(Generation):
    """Everything at the end; `is_rich` where the worker wrote the response itself."""

    def __init__(
        self,
        context: Context,
        exchange: Exchange,
        listener: Listener,
        ticket: Ticket,
        envelope: Envelope,
        *,
        is_rich: bool,
    ) -> None:
        super().__init__(context, exchange, listener, ticket)
        self._envelope = envelope
        self._is_rich = is_rich

    async def _answer(self, connection: Connection, send: Send) -> None:  # noqa: ARG002 - the answer is one message
        listener = self._listener
        await listener.over
        self._note_end()
        if listener.is_abandoned or listener.end is None:
            return
        self._raise_failure()
        if self._is_rich:
            body = await self._written_by_worker()
        else:
            text = "".join(listener.pieces)
            body = msgspec.json.encode(whole_answer(self._envelope, text, listener.end))
        await self._send_head(send, {"content-type": "application/json", "content-length": str(len(body))})
        await self._send_rest(send, body)

    async def _written_by_worker(self) -> bytes:
        job = await self._context.broker.ask(record(self._listener.pool, self._listener.job_id))
        if job is None or job.result is None or not job.result.response:
            raise EngineFailedError("The job completed without an answer.")
        return job.result.response


class StreamedAnswer(Generation):
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
            with connection.holding_head():
                await self._send_head(send, STREAM_HEADERS)
            stream.show_waiting(connection)
            await stream.began
        if stream.is_abandoned:
            return
        if not has_head:
            self._raise_failure()
            with connection.holding_head():
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

    def __init__(self, context: Context, exchange: Exchange, stream: Stream, events: Events, *, is_kept: bool) -> None:
        super().__init__(context, exchange, stream, is_kept=is_kept)
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
        with connection.holding_head():
            await self._send_head(send, STREAM_HEADERS)
        stream.open(connection, self._events)
        await stream.over
        if not stream.is_abandoned:
            await self._send_rest(send, stream.last_words)
