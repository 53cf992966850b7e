"""The endpoints that most requests ask for, past the framework: that would take as long as their own work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from ingress.http.exchange import Exchange

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable["Response"]]
#: From an exception's class to what makes a response of it, as in Starlette.
Handlers = Mapping[type[Exception], Callable[[Request, Any], Awaitable["Response"]]]


class Shortcut:
    """Serves POST requests to some paths itself, as the app would, and leaves all else to the app."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint], handlers: Handlers) -> None:
        self.app = app
        self._endpoints = endpoints
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        # Where the handlers find what they share.
        scope["app"] = self.app
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
            await response(scope, receive, send)
        except Exception as error:
            kind = next(kind for kind in type(error).__mro__ if kind in self._handlers)
            has_begun = Exchange.of(request).status is not None
            if not has_begun:
                response = await self._handlers[kind](request, error)
                await response(scope, receive, send)
            if has_begun or kind is Exception:
                # It was not meant to happen: for the server's log.
                raise
