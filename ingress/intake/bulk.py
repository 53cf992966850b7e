"""Many jobs from one request, line by line: each is accepted or refused by itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ingress.http.exchange import named
from ingress.intake.inner_request import asked_inside
from ingress.intake.order import Order, job_order
from ingress.intake.repeats import confirmed
from ingress.intake.submit import Ticket, accept_each
from ingress.intake.terms import HeaderTerms
from ingress.intake.webhooks import has_job_secret, job_target, needs_job_secret, no_job_secret
from penstock.answers.objects import ErrorObject
from penstock.errors import (
    ApiError,
    BodyTooLargeError,
    BrokerDataError,
    BrokerError,
    BrokerFullError,
    BrokerUnavailableError,
    OverloadedError,
    UnavailableError,
    error_body,
)
from penstock.json_body import utf8_fault
from penstock.lines import Line
from penstock.long_bodies import reading
from penstock.request.job_request import parse_job_request
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingress.intake.auth import Caller
    from ingress.intake.context import Context

#: Lines whose jobs go into the queue in one round trip, and their bytes, unless one line alone has more: each is in
#: memory several times.
BATCH_LINES = 100
_BATCH_BYTES = 4 << 20
#: Round trips at a time: the next lines are read while Redis works on those before.
_BATCHES_UNDER_WAY = 4

#: For the log.
_PATH = "/v1/jobs/bulk"

log = logs.get()


class LineOutcome(Struct, frozen=True):
    """What came of a line: the id of its job, or why there is none."""

    line: Annotated[int, Meta(ge=0, description="Its number, from 0; blank lines count.")]
    id: str | UnsetType = UNSET
    ignored: Annotated[
        list[str] | UnsetType, Meta(description="Fields of its request that mean nothing here; absent for none.")
    ] = UNSET
    error: ErrorObject | UnsetType = UNSET


class Intake:
    """Takes the lines of one request."""

    def __init__(self, context: Context, caller: Caller, otherwise: HeaderTerms) -> None:
        self._context = context
        self._caller = caller
        self._otherwise = otherwise

    async def take(self, lines: AsyncIterator[Line]) -> AsyncIterator[LineOutcome]:
        """What came of each line, in their order."""
        under_way = deque[asyncio.Task[list[LineOutcome]]]()
        try:
            async for batch in batches_of(lines):
                if len(under_way) == _BATCHES_UNDER_WAY:
                    for outcome in await under_way[0]:
                        yield outcome
                    under_way.popleft()
                orders = await self._orders(batch)
                under_way.append(asyncio.create_task(self._accepted(batch, orders)))
            while under_way:
                for outcome in await under_way[0]:
                    yield outcome
                under_way.popleft()
        finally:
            # Where the client has left in the middle; what Redis has been told is done all the same.
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _accepted(self, batch: Sequence[Line], orders: Sequence[Order | Exception]) -> list[LineOutcome]:
        accepted = await accept_each(self._context, [order for order in orders if isinstance(order, Order)])
        tickets = iter(await confirmed(self._context, accepted))
        return [
            _outcome(line, next(tickets), order.ignored) if isinstance(order, Order) else _outcome(line, order)
            for line, order in zip(batch, orders, strict=True)
        ]

    async def _orders(self, batch: Sequence[Line]) -> list[Order | Exception]:
        # Whether there is a secret is asked for only where it may matter, once for all of them.
        lack: Exception | None = None
        if any(line.text and b'"webhook"' in line.text for line in batch):
            try:
                if not await has_job_secret(self._context.broker, self._caller.tenant):
                    lack = no_job_secret()
            except BrokerError as error:
                lack = error
        return [await self._order(line, lack) for line in batch]

    async def _order(self, line: Line, lack: Exception | None) -> Order | Exception:
        """What a line orders, or why it orders nothing; `lack` is why the secret for jobs cannot sign."""
        settings = self._context.settings
        if line.text is None:
            return BodyTooLargeError(f"The line is longer than {settings.ingress.max_body_bytes} bytes.")
        try:
            line.text.decode()
            job = await reading(parse_job_request, line.text)
            asked, pool = await asked_inside(self._context, self._caller, job)
            target = job_target(job.webhook, settings)
            if lack is not None and needs_job_secret(target):
                return lack
            return job_order(settings, pool, asked, self._caller, job, self._otherwise, target)
        except UnicodeDecodeError as error:
            return utf8_fault(line.text, error)
        except (ApiError, BrokerError) as error:
            return error


async def batches_of(lines: AsyncIterator[Line]) -> AsyncIterator[list[Line]]:
    """Lines that go into the queue together."""
    batch, size = list[Line](), 0
    async for line in lines:
        batch.append(line)
        size += line.size
        if len(batch) == BATCH_LINES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def encode_outcome(outcome: LineOutcome) -> bytes:
    """As a line of JSON."""
    return msgspec.json.encode(outcome) + b"\n"


def _outcome(line: Line, answer: Ticket | Exception, ignored: Sequence[str] = ()) -> LineOutcome:
    if isinstance(answer, Ticket):
        return LineOutcome(line.number, id=answer.job.id, ignored=named(ignored) or UNSET)
    error = _told(answer)
    message = error.message.replace("The request body", "The line") if error.param is None else error.message
    told = error_body(message, error.type, error.param, error.code)
    return LineOutcome(line.number, error=ErrorObject(**told["error"]))


def _told(error: Exception) -> ApiError:
    """What the client is told of it."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, BrokerFullError):
        return OverloadedError("The queue's memory is full.")
    if isinstance(error, BrokerUnavailableError):
        return UnavailableError("The queue cannot be reached.")
    if isinstance(error, BrokerDataError):
        log.warning(events.REQUEST_UNREADABLE, path=_PATH, error=str(error))
        return UnavailableError("What the queue holds for this request cannot be read.")
    log.error(events.LINE_FAILED, exc_info=error)
    return ApiError("Something went wrong on our side.")
