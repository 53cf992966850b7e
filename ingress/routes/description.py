"""`/openapi.json`: what this service offers, for programs. `/docs`: the same for people, who can try it there."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.static_file import static_files
from ingress.openapi.headers import CONTENT_SECURITY
from ingress.openapi.operation import JSON, Media, Operation, Reply, Tag, described
from ingress.openapi.static_files import file_replies, name_parameter
from penstock.errors import NotFoundError

router = APIRouter()

_DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": ["openapi", "info", "paths"],
    "properties": {"openapi": {"const": "3.1.1"}},
}
#: Swagger UI as published (Apache-2.0, page/LICENSE), and our own.
_PARTS = static_files(files("ingress") / "openapi" / "page")
_INDEX = _PARTS.pop("index.html")
#: Everything comes from here, and nothing that a document might hold is run: style attributes are set by the page's own
#: program, pictures are inside its style sheet.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {CONTENT_SECURITY.name: _CONTENT_SECURITY_POLICY, "referrer-policy": "no-referrer"}


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
        replies=file_replies([_INDEX], is_page=True),
    )
)
async def page(request: Request) -> Response:
    """The page."""
    return await _INDEX.response(request, _PAGE_HEADERS)


@router.api_route("/docs/{name}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readPageFile",
        tag=Tag.SERVICE,
        summary="A file of that page",
        needs_key=False,
        parameters=(name_parameter(_PARTS, example="page.js"),),
        replies=file_replies(_PARTS.values()),
        errors=(NotFoundError,),
    )
)
async def page_file(request: Request, name: str) -> Response:
    """What the page loads."""
    if name not in _PARTS:
        raise NotFoundError(f"The page has no file {name[:100]!r}.", param="name")
    return await _PARTS[name].response(request)
