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

from ingress.http import refusal
from ingress.http.exchange import IGNORED_HEADER, JOB_ID_HEADER, REQUEST_ID_HEADER
from ingress.http.gate import Gate, allowed_hosts
from ingress.http.observed import Observed
from ingress.http.shortcut import Shortcut
from ingress.intake.admission import RATE_LIMIT_HEADERS
from ingress.intake.context import running
from ingress.intake.refusal import refuse_for_now, refuse_unavailable, refuse_unreadable, refuse_unstored
from ingress.intake.service import Service
from ingress.intake.tokenizers import Tokenizers
from ingress.openapi import description as about
from ingress.openapi.facts import About
from ingress.routes import (
    batches,
    chat,
    completions,
    description,
    file_content,
    files,
    health,
    job,
    jobs,
    metrics,
    models,
    page,
    pools,
    response,
    responses,
    stream_url,
    tokenize,
    usage,
    webhook_deliveries,
    webhooks,
)
from penstock.errors import (
    ApiError,
    BrokerDataError,
    BrokerUnavailableError,
    OverloadedError,
    QueueFullError,
    StorageError,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from penstock.settings import Settings

_INGRESS = (
    chat.router,
    completions.router,
    responses.router,
    response.router,
    jobs.router,
    job.router,
    stream_url.router,
    models.router,
    pools.router,
    usage.router,
    files.router,
    file_content.router,
    batches.router,
    webhook_deliveries.router,
    webhooks.router,
    tokenize.router,
    health.alive,
    health.ready,
    metrics.router,
    description.router,
    page.router,
)
_GENERATING = (chat.router, completions.router, responses.router)
_TOKENIZER = (tokenize.router, health.alive, metrics.router, description.router)

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
    QueueFullError: refuse_for_now,
    OverloadedError: refuse_for_now,
    BrokerUnavailableError: refuse_unavailable,
    BrokerDataError: refuse_unreadable,
    StorageError: refuse_unstored,
    HTTPException: refusal.refuse_http,
    RequestValidationError: refusal.refuse_malformed,
    ClientDisconnect: refusal.forget,
    Exception: refusal.refuse_unexpected,
}

Running = Callable[["Settings"], AbstractAsyncContextManager[Service]]


def ingress_app(settings: Settings) -> ASGIApp:
    """Everything an ingress serves."""
    app = _app(about.INGRESS, settings, running, _INGRESS)
    routes = [route for router in _GENERATING for route in router.routes]
    endpoints = {route.path: route.endpoint for route in routes if isinstance(route, Route)}
    return _observed(Shortcut(app, endpoints, _HANDLERS), settings, settings.ingress.host)


def tokenizer_app(settings: Settings) -> ASGIApp:
    """Text to tokens and back; needs no Redis."""
    app = _app(about.TOKENIZER, settings, _without_redis, _TOKENIZER)
    return _observed(app, settings, settings.tokenizer.host)


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


def _app(what: About, settings: Settings, service: Running, routers: Sequence[APIRouter]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service(settings) as app.state.service:
            yield

    # Bodies are checked by our own types: what the framework made from the handlers would say nothing about them.
    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    # Taken as they are: `include_router` would analyse every handler a second time.
    for router in routers:
        app.router.routes.extend(router.routes)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.state.description = about.Description(what, settings, app.routes)
    return app
