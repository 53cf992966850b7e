"""`/`: the page to chat on and watch by. `/penstock.js`: by which any page reads answers, with its types beside it."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.static_file import TYPES, static_files
from ingress.openapi.headers import CONTENT_SECURITY, ETAG, NO_SNIFFING
from ingress.openapi.operation import Media, Operation, Parameter, Reply, Tag, Where, described
from penstock.errors import NotFoundError

router = APIRouter()

_FILES = static_files(files("ingress") / "page")
_INDEX, _LIBRARY, _TYPES = "index.html", "penstock.js", "penstock.d.ts"
#: Of the page's own; the others have addresses of their own.
_PARTS = sorted(_FILES.keys() - {_INDEX, _LIBRARY, _TYPES})
#: Everything comes from here, and nothing that an answer might hold is run or shown as anything but text.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {CONTENT_SECURITY.name: _CONTENT_SECURITY_POLICY, "referrer-policy": "no-referrer"}
_PART = Parameter(
    name="name", where=Where.PATH, description="The file's name.", schema={"enum": _PARTS}, example=_PARTS[0]
)


def _file(*kinds: str, is_page: bool = False) -> tuple[Reply, ...]:
    """A file of one of these kinds, or nothing for who has it."""
    headers = (ETAG, NO_SNIFFING, *((CONTENT_SECURITY,) if is_page else ()))
    media = tuple(Media(kind=kind, schema={"type": "string"}) for kind in kinds)
    return (
        Reply(description="The file.", media=media, headers=headers),
        Reply(status=304, description="What `if-none-match` named is still the file.", headers=headers),
    )


@router.api_route("/", methods=["GET", "HEAD"])
@described(
    Operation(
        id="showPage",
        tag=Tag.SERVICE,
        summary="A page to chat on, beside what the service does",
        description="All that it loads comes from here. Where keys are set it asks for one.",
        needs_key=False,
        replies=_file("text/html", is_page=True),
    )
)
async def page(request: Request) -> Response:
    """The page."""
    return _FILES[_INDEX].response(request, _PAGE_HEADERS)


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readPartOfPage",
        tag=Tag.SERVICE,
        summary="A file of that page",
        needs_key=False,
        parameters=(_PART,),
        replies=_file(*sorted({TYPES[f".{name.rpartition('.')[2]}"].partition(";")[0] for name in _PARTS})),
        errors=(NotFoundError,),
    )
)
async def part(request: Request, name: str) -> Response:
    """What the page loads."""
    if name not in _PARTS:
        raise NotFoundError(f"The page has no file {name[:100]!r}.", param="name")
    return _FILES[name].response(request)


@router.api_route("/penstock.js", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readLibrary",
        tag=Tag.SERVICE,
        summary="A library by which a page reads answers",
        description="A module without dependencies: connect, resume, cancel.",
        needs_key=False,
        replies=_file("text/javascript"),
    )
)
async def library(request: Request) -> Response:
    """The library for browsers."""
    return _FILES[_LIBRARY].response(request)


@router.api_route("/penstock.d.ts", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readLibraryTypes",
        tag=Tag.SERVICE,
        summary="The types of that library",
        needs_key=False,
        replies=_file("text/plain"),
    )
)
async def types(request: Request) -> Response:
    """Its types."""
    return _FILES[_TYPES].response(request)
