"""Answers to `POST /v1/responses` that are under way while their job runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ingress.routes.pending import Pending, PendingGeneration, StreamedAnswer, WholeAnswer
from penstock.long_bodies import making
from penstock.request.responses import renamed

if TYPE_CHECKING:
    from starlette.types import Send

    from ingress.http.connection import Connection
    from ingress.http.exchange import Exchange
    from ingress.intake.context import Context
    from ingress.intake.submit import Ticket
    from ingress.streams.listener import Listener
    from ingress.streams.stream import Stream
    from penstock.answers.responses.events import ResponseEvents
    from penstock.answers.responses.response import ResponseHead
    from penstock.errors import ApiError
    from penstock.frames import End
    from penstock.job import Job


class _InOurNames(PendingGeneration):
    """Its failures name fields as this endpoint has them."""

    @property
    def _failure(self) -> ApiError | None:
        error = super()._failure
        return error and renamed(error)


class WholeResponse(_InOurNames, WholeAnswer):
    """The response object at the job's end."""

    def __init__(
        self, context: Context, exchange: Exchange, listener: Listener, ticket: Ticket, head: ResponseHead
    ) -> None:
        super().__init__(context, exchange, listener, ticket)
        self._head = head

    async def _body(self, end: End) -> bytes:
        pieces = self._listener.pieces
        return await making(lambda: msgspec.json.encode(self._head.whole(end, pieces)), sum(map(len, pieces)))


class StreamedResponse(_InOurNames, StreamedAnswer):
    """Event by event; an early failure is a plain HTTP error."""


class BackgroundStream(PendingGeneration):
    """Event by event, from the acceptance on: its client may go, and read on later."""

    def __init__(
        self, context: Context, exchange: Exchange, stream: Stream, ticket: Ticket, events: ResponseEvents
    ) -> None:
        super().__init__(context, exchange, stream, ticket)
        self._stream = stream
        self._events = events

    async def _answer(self, connection: Connection, send: Send) -> None:
        if not self._stream.is_abandoned:
            await self._stream_at_once(self._stream, self._events, connection, send)
            self._note_end()


class ResponseReading(Pending):
    """The events of a response that another request made."""

    def __init__(self, context: Context, exchange: Exchange, stream: Stream, events: ResponseEvents, job: Job) -> None:
        super().__init__(context, exchange, stream, job)
        self._stream = stream
        self._events = events

    async def _answer(self, connection: Connection, send: Send) -> None:
        if not self._stream.is_abandoned:
            await self._stream_at_once(self._stream, self._events, connection, send)
