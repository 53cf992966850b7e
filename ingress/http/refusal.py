"""Errors as responses: one form for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import Match, Route

from ingress.http.content_coding import CODINGS
from ingress.http.exchange import Exchange
from penstock.errors import (
    ApiError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    UnauthorizedError,
    UnsupportedCodingError,
    UnsupportedMediaTypeError,
)

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request

RETRY_AFTER_HEADER = "retry-after"
#: OpenAI's clients obey it.
RETRY_HEADER = "x-should-retry"
#: Where OpenAI's clients would try again, unless told otherwise; and above the first server error.
RETRIED = frozenset({408, 409, 429})
_FIRST_SERVER_ERROR = 500
_CLIENT_GONE = 499
_NO_CONTENT = 204
#: The rest of such a request is not worth reading.
_CLOSING = frozenset({408})


async def refuse(request: Request, error: ApiError) -> Response:
    """The response for an error that a client may see."""
    exchange = Exchange.of(request)
    exchange.error = type(error).__name__
    return Response(
        msgspec.json.encode(error.body),
        status_code=error.status,
        headers=_headers(error, exchange),
        media_type="application/json",
    )


async def refuse_http(request: Request, error: HTTPException) -> Response:
    """The framework's own errors: no such route, wrong method, a body it cannot read."""
    if error.status_code == NotFoundError.status:
        return await refuse(request, NotFoundError(f"There is nothing at {request.url.path[:200]}."))
    if error.status_code == MethodNotAllowedError.status:
        methods = ", ".join(sorted(_methods(request)))
        allow = {"allow": methods}
        if request.method == "OPTIONS":
            return Response(status_code=_NO_CONTENT, headers=allow)
        wrong = MethodNotAllowedError(f"{request.method} is not for {request.url.path[:200]}; it takes {methods}.")
        response = await refuse(request, wrong)
        response.headers.update(allow)
        return response
    return await refuse(request, InvalidRequestError(str(error.detail)))


async def refuse_malformed(request: Request, error: RequestValidationError) -> Response:
    """A path or query parameter of the wrong form: 400, as for bodies."""
    return await refuse(request, InvalidRequestError(f"The request is malformed: {error.errors()[0]['msg']}."))


async def forget(_request: Request, _error: ClientDisconnect) -> Response:
    """The client went away while it sent its request: nobody reads this."""
    return Response(status_code=_CLIENT_GONE)


async def refuse_unexpected(request: Request, error: Exception) -> Response:
    """A mistake of ours: the client learns that it was one, the log what it was."""
    response = await refuse(request, ApiError("Something went wrong on our side."))
    Exchange.of(request).error = type(error).__name__
    return response


def retry_headers(error: ApiError) -> dict[str, str]:
    """Whether to try again, where a client would decide it by the status."""
    if error.status not in RETRIED and error.status < _FIRST_SERVER_ERROR:
        return {}
    return {RETRY_HEADER: "true" if error.retryable else "false"}


def _methods(request: Request) -> set[str]:
    """What may be done with what is at the request's path: a route matches in part if only its method differs."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


def _headers(error: ApiError, exchange: Exchange) -> dict[str, str]:
    headers = exchange.headers | retry_headers(error)
    if error.retry_after_s is not None:
        headers[RETRY_AFTER_HEADER] = str(error.retry_after_s)
    if isinstance(error, UnauthorizedError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, UnsupportedCodingError):
        headers["accept-encoding"] = CODINGS
    elif isinstance(error, UnsupportedMediaTypeError):
        headers["accept"] = error.accept
    if error.status in _CLOSING:
        headers["connection"] = "close"
    return headers
