"""The endpoints that most requests ask for, past the framework's routing: that would take as long as their own work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable["Response"]]
#: From an exception's class to what makes a response of it, as in Starlette.
Handlers = Mapping[type[Exception], Callable[[Request, Any], Awaitable["Response"]]]


class Shortcut:
    """Serves POST requests to some paths itself, and leaves all else, and what no handler knows, to the app."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint], handlers: Handlers) -> None:
        self._app = app
        self._endpoints = endpoints
        self._handlers = handlers
        self._handled = tuple(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
            await response(scope, receive, send)
        except self._handled as error:
            # Whoever raises one has not begun to answer.
            handle = next(self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers)
            response = await handle(request, error)
            await response(scope, receive, send)
