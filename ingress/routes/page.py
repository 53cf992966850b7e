"""`/`: the page to chat on and watch by. `/penstock.js`: by which any page reads answers, with its types beside it."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.static_file import static_files
from ingress.openapi.headers import CONTENT_SECURITY
from ingress.openapi.operation import Operation, Tag, described
from ingress.openapi.static_files import file_replies, name_parameter
from penstock.errors import NotFoundError

router = APIRouter()

_PARTS = static_files(files("ingress") / "page")
#: They have addresses of their own.
_INDEX, _LIBRARY, _TYPES = (_PARTS.pop(name) for name in ("index.html", "penstock.js", "penstock.d.ts"))
#: Everything comes from here, and nothing that an answer might hold is run or shown as anything but text.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {CONTENT_SECURITY.name: _CONTENT_SECURITY_POLICY, "referrer-policy": "no-referrer"}


@router.api_route("/", methods=["GET", "HEAD"])
@described(
    Operation(
        id="showPage",
        tag=Tag.SERVICE,
        summary="A page to chat on, beside what the service does",
        description="All that it loads comes from here. Where keys are set it asks for one.",
        needs_key=False,
        replies=file_replies([_INDEX], is_page=True),
    )
)
async def page(request: Request) -> Response:
    """The page."""
    return await _INDEX.response(request, _PAGE_HEADERS)


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readPartOfPage",
        tag=Tag.SERVICE,
        summary="A file of that page",
        needs_key=False,
        parameters=(name_parameter(_PARTS, example="main.js"),),
        replies=file_replies(_PARTS.values()),
        errors=(NotFoundError,),
    )
)
async def part(request: Request, name: str) -> Response:
    """What the page loads."""
    if name not in _PARTS:
        raise NotFoundError(f"The page has no file {name[:100]!r}.", param="name")
    return await _PARTS[name].response(request)


@router.api_route("/penstock.js", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readLibrary",
        tag=Tag.SERVICE,
        summary="A library by which a page reads answers",
        description="A module without dependencies: connect, resume, cancel.",
        needs_key=False,
        replies=file_replies([_LIBRARY]),
    )
)
async def library(request: Request) -> Response:
    """The library for browsers."""
    return await _LIBRARY.response(request)


@router.api_route("/penstock.d.ts", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readLibraryTypes",
        tag=Tag.SERVICE,
        summary="The types of that library",
        needs_key=False,
        replies=file_replies([_TYPES]),
    )
)
async def types(request: Request) -> Response:
    """Its types."""
    return await _TYPES.response(request)
