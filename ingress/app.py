"""The HTTP applications: the whole ingress, and the tokenizer service alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from ingress import refusal
from ingress.accounting import Observed
from ingress.admission import RATE_LIMIT_HEADERS
from ingress.context import running
from ingress.exchange import IGNORED_HEADER, JOB_ID_HEADER, REQUEST_ID_HEADER
from ingress.gate import Gate, allowed_hosts
from ingress.routes import chat, completions, health, jobs, metrics, models, tokenize
from ingress.service import Service
from ingress.shortcut import Shortcut
from ingress.tokenizers import Tokenizers
from penstock.errors import ApiError, BrokerDataError, BrokerUnavailableError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from penstock.settings import Settings

_INGRESS = (
    chat.router,
    completions.router,
    jobs.router,
    models.router,
    tokenize.router,
    health.alive,
    health.ready,
    metrics.router,
)
_GENERATING = (chat.router, completions.router)
_TOKENIZER = (tokenize.router, health.alive, metrics.router)

#: What a page of another origin may read of an answer's head.
_EXPOSED = [
    JOB_ID_HEADER,
    IGNORED_HEADER,
    REQUEST_ID_HEADER,
    refusal.RETRY_AFTER_HEADER,
    refusal.RETRY_HEADER,
    *RATE_LIMIT_HEADERS,
]

_HANDLERS: dict[Any, Any] = {
    ApiError: refusal.refuse,
    BrokerUnavailableError: refusal.refuse_unavailable,
    BrokerDataError: refusal.refuse_unreadable,
    HTTPException: refusal.refuse_http,
    RequestValidationError: refusal.refuse_malformed,
    ClientDisconnect: refusal.forget,
    Exception: refusal.refuse_unexpected,
}

Running = Callable[["Settings"], AbstractAsyncContextManager[Service]]


def ingress_app(settings: Settings) -> ASGIApp:
    """Everything an ingress serves."""
    app = _app(settings, running, _INGRESS)
    routes = [route for router in _GENERATING for route in router.routes]
    endpoints = {route.path: route.endpoint for route in routes if isinstance(route, Route)}
    return _observed(Shortcut(app, endpoints, _HANDLERS), settings, settings.ingress.host)


def tokenizer_app(settings: Settings) -> ASGIApp:
    """Text to tokens and back; needs no Redis."""
    return _observed(_app(settings, _without_redis, _TOKENIZER), settings, settings.tokenizer.host)


def _observed(app: ASGIApp, settings: Settings, listener_host: str) -> ASGIApp:
    if settings.ingress.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=list(settings.ingress.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )
    return Observed(Gate(app, allowed_hosts(settings.ingress, listener_host)))


@asynccontextmanager
async def _without_redis(settings: Settings) -> AsyncIterator[Service]:
    yield Service(settings=settings, tokenizers=Tokenizers(settings))


def _app(settings: Settings, service: Running, routers: Sequence[APIRouter]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service(settings) as app.state.service:
            yield

    # Bodies are checked by our own types: a schema made from the handlers would say nothing about them.
    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    for router in routers:
        app.include_router(router)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app
