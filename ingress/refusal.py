"""Errors as responses: one form for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import Match, Route

from ingress.admission import Lane, rate_limit_headers, retry_after_s
from ingress.content_coding import CODINGS
from ingress.context import Context
from ingress.exchange import Exchange
from penstock.errors import (
    ApiError,
    BrokerDataError,
    BrokerFullError,
    BrokerUnavailableError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    OverloadedError,
    QueueFullError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedCodingError,
    UnsupportedMediaTypeError,
)
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request

RETRY_AFTER_HEADER = "retry-after"
#: OpenAI's clients obey it.
RETRY_HEADER = "x-should-retry"
#: Redis restarts within seconds; at its memory limit it stays for as long as results live.
_REDIS_AWAY_S = 2
_REDIS_FULL_S = 10
#: Where OpenAI's clients would try again, unless told otherwise.
_RETRIED = frozenset({408, 409, 429})
_FIRST_SERVER_ERROR = 500
_CLIENT_GONE = 499
_NO_CONTENT = 204
#: The rest of such a request is not worth reading.
_CLOSING = frozenset({408})

log = logs.get()


async def refuse(request: Request, error: ApiError) -> Response:
    """The response for an error that a client may see."""
    exchange = Exchange.of(request)
    exchange.error = type(error).__name__
    return Response(
        msgspec.json.encode(error.body),
        status_code=error.status,
        headers=_headers(request, error, exchange),
        media_type="application/json",
    )


async def refuse_http(request: Request, error: HTTPException) -> Response:
    """The framework's own errors: no such route, wrong method, a body it cannot read."""
    if error.status_code == NotFoundError.status:
        return await refuse(request, NotFoundError(f"There is nothing at {request.url.path[:200]}."))
    if error.status_code == MethodNotAllowedError.status:
        allow = {"allow": ", ".join(sorted(_methods(request)))}
        if request.method == "OPTIONS":
            return Response(status_code=_NO_CONTENT, headers=allow)
        wrong = MethodNotAllowedError(f"{request.method} is not for {request.url.path[:200]}.")
        response = await refuse(request, wrong)
        response.headers.update(allow)
        return response
    return await refuse(request, InvalidRequestError(str(error.detail)))


async def refuse_unavailable(request: Request, error: BrokerUnavailableError) -> Response:
    """Redis is full, or away."""
    if isinstance(error, BrokerFullError):
        return await refuse(request, OverloadedError("The queue's memory is full.", retry_after_s=_REDIS_FULL_S))
    return await refuse(request, UnavailableError("The queue cannot be reached.", retry_after_s=_REDIS_AWAY_S))


async def refuse_unreadable(request: Request, error: BrokerDataError) -> Response:
    """Redis holds something else than we wrote: nothing that a client could mend, and somebody may be at it."""
    log.warning(events.REQUEST_UNREADABLE, path=request.url.path[:200], error=str(error))
    message = "What the queue holds for this request cannot be read."
    return await refuse(request, UnavailableError(message, retry_after_s=_REDIS_AWAY_S))


async def refuse_malformed(request: Request, error: RequestValidationError) -> Response:
    """A path or query parameter of the wrong form: 400, as for bodies."""
    return await refuse(request, InvalidRequestError(f"The request is malformed: {error.errors()[0]['msg']}."))


async def forget(_request: Request, _error: ClientDisconnect) -> Response:
    """The client went away while it sent its request: nobody reads this."""
    return Response(status_code=_CLIENT_GONE)


async def refuse_unexpected(request: Request, error: Exception) -> Response:
    """A mistake of ours: the client learns that it was one, the log what it was."""
    exchange = Exchange.of(request)
    exchange.error = type(error).__name__
    return Response(
        msgspec.json.encode(ApiError("Something went wrong on our side.").body),
        status_code=ApiError.status,
        headers=exchange.headers,
        media_type="application/json",
    )


def _methods(request: Request) -> set[str]:
    """What may be done with what is at the request's path: a route matches in part if only its method differs."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


def _headers(request: Request, error: ApiError, exchange: Exchange) -> dict[str, str]:
    headers = dict(exchange.headers)
    if error.status in _RETRIED or error.status >= _FIRST_SERVER_ERROR:
        headers[RETRY_HEADER] = "true" if error.retryable else "false"
    if isinstance(error, QueueFullError | OverloadedError):
        lane = Context.of(request).lane(exchange.pool) if exchange.pool else None
        headers |= _when_to_come_back(error, lane)
    if isinstance(error, UnauthorizedError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, UnsupportedCodingError):
        headers["accept-encoding"] = CODINGS
    elif isinstance(error, UnsupportedMediaTypeError):
        headers["accept"] = "application/json"
    if error.status in _CLOSING:
        headers["connection"] = "close"
    return headers


def _when_to_come_back(error: ApiError, lane: Lane | None) -> dict[str, str]:
    wait_s = error.retry_after_s
    if wait_s is None:
        wait_s = retry_after_s(lane.max_jobs, lane) if lane else _REDIS_AWAY_S
    headers = {RETRY_AFTER_HEADER: str(wait_s)}
    return headers | rate_limit_headers(lane, wait_s) if lane else headers
