"""Every HTTP request in metrics, spans and logs, whichever way it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.http.exchange import REQUEST_ID_HEADER, Exchange, client_request_id
from penstock.errors import ApiError
from penstock.telemetry import logs, metrics, spans

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What servers log for a client that went away before its answer.
_CLIENT_GONE = 499
_REQUEST_ID = REQUEST_ID_HEADER.encode()


class Observed:
    """Counts and times every HTTP request that the wrapped app serves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(client_request_id=client_request_id(scope["headers"]))
        exchange.enter(scope)
        if exchange.client_request_id:
            # The task is the request's own.
            logs.bind(client_request_id=exchange.client_request_id)

        async def noting_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                name = (_REQUEST_ID, exchange.request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), name]}
            await send(message)

        try:
            await self.app(scope, receive, noting_status)
        except Exception:
            exchange.status = ApiError.status
            raise
        finally:
            metrics.child(metrics.REQUESTS, exchange.model, str(exchange.status or _CLIENT_GONE)).inc()
            metrics.child(metrics.REQUEST_SECONDS, exchange.model).observe(exchange.elapsed_s)
            if exchange.span is not None:
                if exchange.client_request_id:
                    exchange.span.set({spans.CLIENT_REQUEST_ID: exchange.client_request_id})
                exchange.span.end(exchange.error)
