"""`/openapi.json`: what this service offers, for programs. `/docs`: the same for people, who can try it there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.content_coding import accepts_gzip
from ingress.openapi import assets
from ingress.openapi.headers import CONTENT_SECURITY, MAY_BE_KEPT, NO_SNIFFING
from ingress.openapi.operation import JSON, Media, Operation, Parameter, Reply, Tag, Where, described
from penstock.errors import NotFoundError

router = APIRouter()

_DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": ["openapi", "info", "paths"],
    "properties": {"openapi": {"const": "3.1.1"}},
}
_ASSET = Parameter(
    name="name",
    where=Where.PATH,
    description="The file's name.",
    schema={"enum": list(assets.KINDS)},
    example="page.js",
)
_HTML = "text/html"
_PAGE_HEADERS = {
    CONTENT_SECURITY.name: assets.CONTENT_SECURITY_POLICY,
    NO_SNIFFING.name: "nosniff",
    "referrer-policy": "no-referrer",
}
#: For a while, since they come as one with the page.
_ASSET_HEADERS = {NO_SNIFFING.name: "nosniff", MAY_BE_KEPT.name: "public, max-age=3600", "vary": "accept-encoding"}


@router.api_route("/openapi.json", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readDescription",
        tag=Tag.SERVICE,
        summary="This description, for programs",
        description="OpenAPI 3.1. It needs no key, whatever else does.",
        needs_key=False,
        replies=(Reply(description="The document.", media=(Media(schema=_DOCUMENT),)),),
    )
)
async def document(request: Request) -> Response:
    """The document, made when it is first asked for."""
    made = request.app.state.description
    return Response(await asyncio.to_thread(made.read), media_type=JSON)


@router.api_route("/docs", methods=["GET", "HEAD"])
@described(
    Operation(
        id="showDescription",
        tag=Tag.SERVICE,
        summary="This description, for people",
        description="A page on which every operation can be tried. All that it loads comes from here.",
        needs_key=False,
        replies=(
            Reply(
                description="The page.",
                media=(Media(kind=_HTML, schema={"type": "string"}),),
                headers=(CONTENT_SECURITY, NO_SNIFFING),
            ),
        ),
    )
)
async def page(_: Request) -> Response:
    """The page."""
    found = await asyncio.to_thread(assets.asset, assets.INDEX, accepts_gzip=False)
    return Response(found.content, media_type=_HTML, headers=_PAGE_HEADERS)


@router.api_route("/docs/{name}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readPageFile",
        tag=Tag.SERVICE,
        summary="A file of that page",
        needs_key=False,
        parameters=(_ASSET,),
        replies=(
            Reply(
                description="The file.",
                media=tuple(
                    Media(kind=kind, schema={"type": "string"})
                    for kind in sorted({kind.partition(";")[0] for kind in assets.KINDS.values()})
                ),
                headers=(NO_SNIFFING, MAY_BE_KEPT),
            ),
        ),
        errors=(NotFoundError,),
    )
)
async def page_file(request: Request, name: str) -> Response:
    """What the page loads."""
    kind = assets.KINDS.get(name)
    if kind is None:
        raise NotFoundError(f"The page has no file {name[:100]!r}.", param="name")
    accepts = accepts_gzip(request.headers.get("accept-encoding", ""))
    found = await asyncio.to_thread(partial(assets.asset, name, accepts_gzip=accepts))
    coding = {"content-encoding": "gzip"} if found.is_packed else {}
    return Response(found.content, headers={"content-type": kind, **_ASSET_HEADERS, **coding})
