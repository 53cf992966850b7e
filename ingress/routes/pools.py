"""`/v1/pools`: what waits, who works and how fast, now and as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.connection import Connection
from ingress.http.exchange import Exchange
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.openapi import examples
from ingress.openapi.event_stream import endless_stream
from ingress.openapi.headers import NO_STORE, UNBUFFERED
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.routes.pending import STREAM_HEADERS
from penstock.answers.events import PING
from penstock.answers.pool_object import PoolObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from ingress.intake.pools import PoolWatch

#: Looks without any news after which something is written all the same, about a second each.
_PING_LOOKS = 15

router = APIRouter(prefix="/v1/pools")


class PoolList(Struct, kw_only=True):
    """All of them."""

    object: Literal["list"]
    data: Sequence[PoolObject]


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listPools",
        tag=Tag.MODELS,
        summary="What waits, who works and how fast",
        description="Every pool as it was about a second ago, over all tenants.",
        replies=(
            Reply(
                description="Every pool.",
                media=(Media(schema=PoolList, examples={"pools": Example("One pool", examples.POOLS)}),),
            ),
        ),
    )
)
async def pools(request: Request) -> Response:
    """Every pool, as of about a second ago."""
    context = Context.of(request)
    context.caller(request)
    return json_response(request, _listed(context.pool_watch))


@router.api_route("/events", methods=["GET", "HEAD"])
@described(
    Operation(
        id="watchPools",
        tag=Tag.MODELS,
        summary="The same as it changes",
        description="Each event is the whole list: the first at once, another whenever anything of it is another.",
        replies=(
            Reply(
                description="Events until the client or the service leaves.",
                media=(
                    endless_stream(PoolList, examples={"events": Example("The first event", examples.POOL_EVENTS)}),
                ),
                headers=(NO_STORE, UNBUFFERED),
            ),
        ),
    )
)
async def pool_events(request: Request) -> Response:
    """The same, and again whenever anything of it is another; each event is the whole."""
    context = Context.of(request)
    context.caller(request)
    headers = {**Exchange.of(request).headers, **STREAM_HEADERS}
    return Response(headers=headers) if request.method == "HEAD" else _PoolEvents(context.pool_watch, headers)


def _listed(watch: PoolWatch) -> PoolList:
    return PoolList(object="list", data=watch.pools)


class _PoolEvents(Response):
    """Goes on until the client or the server leaves."""

    def __init__(self, watch: PoolWatch, headers: dict[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - see Connection
        """Answer."""
        connection, over = Connection.of(scope), asyncio.Event()
        connection.on_server_stop = over.set
        with connection.watched(over.set):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for event in self._events(connection, over):
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _events(self, connection: Connection, over: asyncio.Event) -> AsyncIterator[bytes]:
        told, silent = b"", 0
        ending = asyncio.create_task(over.wait())
        try:
            while not over.is_set():
                news = msgspec.json.encode(_listed(self._watch))
                silent += 1
                # A reader that is slow gets the newest when it has room, and nothing of what was between.
                if not connection.is_full and (news != told or silent >= _PING_LOOKS):
                    yield b"data: %b\n\n" % news if news != told else PING
                    told, silent = news, 0
                look = asyncio.create_task(self._watch.next_look())
                await asyncio.wait([look, ending], return_when=asyncio.FIRST_COMPLETED)
                look.cancel()
        finally:
            ending.cancel()
