"""Errors that have to do with the queue, as responses that say when to come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.http.exchange import Exchange
from ingress.http.refusal import RETRY_AFTER_HEADER, refuse
from ingress.intake.admission import LaneBounds, rate_limit_headers, retry_after_s
from ingress.intake.context import Context
from penstock.errors import (
    BrokerDataError,
    BrokerFullError,
    BrokerUnavailableError,
    NotFoundError,
    OverloadedError,
    QueueFullError,
    StorageDeniedError,
    StorageError,
    StorageFullError,
    StorageMissingError,
    UnavailableError,
)
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: Redis restarts within seconds; at its memory limit it stays for as long as results live.
_REDIS_AWAY_S = 2
_REDIS_FULL_S = 10
#: A store that was away comes back by itself; somebody has to make room, or to allow something.
_STORAGE_AWAY_S = 5
_STORAGE_FULL_S = 60

log = logs.get()


async def refuse_for_now(request: Request, error: QueueFullError | OverloadedError) -> Response:
    """More work than there is room for: the client learns when to come back, and the bounds of the lane."""
    response = await refuse(request, error)
    pool = Exchange.of(request).pool
    response.headers.update(_when_to_come_back(error, Context.of(request).lane(pool) if pool else None))
    return response


async def refuse_unavailable(request: Request, error: BrokerUnavailableError) -> Response:
    """Redis is full, or away."""
    if isinstance(error, BrokerFullError):
        full = OverloadedError("The queue's memory is full.", retry_after_s=_REDIS_FULL_S)
        return await refuse_for_now(request, full)
    return await refuse_for_now(request, UnavailableError("The queue cannot be reached.", retry_after_s=_REDIS_AWAY_S))


async def refuse_unreadable(request: Request, error: BrokerDataError) -> Response:
    """Redis holds something else than we wrote: nothing that a client could mend, and somebody may be at it."""
    log.warning(events.REQUEST_UNREADABLE, path=request.url.path[:200], error=str(error))
    message = "What the queue holds for this request cannot be read."
    return await refuse_for_now(request, UnavailableError(message, retry_after_s=_REDIS_AWAY_S))


async def refuse_unstored(request: Request, error: StorageError) -> Response:
    """Storage is full, away, or lets us do nothing; or what a record names is not there, as while it is deleted."""
    if isinstance(error, StorageMissingError):
        return await refuse(request, NotFoundError("The content of this file is not there any more."))
    log.warning(events.STORAGE_UNAVAILABLE, path=request.url.path[:200], error=str(error))
    if isinstance(error, StorageFullError):
        told: OverloadedError = OverloadedError("The storage of files is full.", retry_after_s=_STORAGE_FULL_S)
    elif isinstance(error, StorageDeniedError):
        told = UnavailableError("The storage of files may not be used so.", retry_after_s=_STORAGE_FULL_S)
    else:
        told = UnavailableError("The storage of files cannot be reached.", retry_after_s=_STORAGE_AWAY_S)
    return await refuse_for_now(request, told)


def _when_to_come_back(error: QueueFullError | OverloadedError, lane: LaneBounds | None) -> dict[str, str]:
    wait_s = error.retry_after_s
    if wait_s is None:
        wait_s = retry_after_s(lane.max_jobs, lane) if lane else _REDIS_AWAY_S
    headers = {RETRY_AFTER_HEADER: str(wait_s)}
    return headers | rate_limit_headers(lane, wait_s) if lane else headers
