"""`/v1/files/{file_id}/content`: a file's bytes, or some of them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.byte_range import ByteRange, range_of
from ingress.http.content import ContentResponse, attachment, begun
from ingress.http.exchange import Exchange
from ingress.http.refusal import refuse
from ingress.intake.context import Context
from ingress.openapi import file_examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.file_parameters import FILE, IF_RANGE, RANGE
from ingress.openapi.headers import ACCEPT_RANGES, CONTENT_RANGE, DISPOSITION, ETAG, NO_SNIFFING
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.routes import files
from penstock.errors import NotFoundError, RangeError
from penstock.files.reading import read_parts

_OK, _PARTIAL = 200, 206
_MEDIA_TYPE = "application/octet-stream"
_BYTES = Media(
    kind=_MEDIA_TYPE,
    schema={"type": "string", "contentMediaType": _MEDIA_TYPE},
    examples={"lines": Example("Requests", file_examples.CONTENT)},
)
_HEADERS = (ACCEPT_RANGES, DISPOSITION, ETAG, NO_SNIFFING)

router = APIRouter(prefix="/v1/files")


@router.api_route("/{file_id}/content", methods=["GET", "HEAD"])
@described(
    Operation(
        id="downloadFile",
        tag=Tag.FILES,
        summary="Download a file",
        description="All of it, or one range of bytes. A file never changes.",
        parameters=(FILE, RANGE, IF_RANGE),
        replies=(
            Reply(description="All of it.", media=(_BYTES,), headers=_HEADERS),
            Reply(
                status=_PARTIAL,
                description="The range that was asked for.",
                media=(_BYTES,),
                headers=(CONTENT_RANGE, *_HEADERS),
            ),
        ),
        errors=(NotFoundError, RangeError, *QUEUE),
    )
)
async def content(request: Request, file_id: str) -> Response:
    """Its bytes."""
    file = await files.of(request).get(file_id)
    etag = f'"{file.id}"'
    headers = {
        **Exchange.of(request).headers,
        "accept-ranges": "bytes",
        "content-disposition": attachment(file.filename),
        "etag": etag,
        "x-content-type-options": "nosniff",
    }
    try:
        wanted = range_of(request.headers.get("range"), file.bytes) if _takes_range(request, etag) else None
    except RangeError as error:
        refusal = await refuse(request, error)
        refusal.headers["content-range"] = f"bytes */{file.bytes}"
        return refusal
    status = _OK if wanted is None else _PARTIAL
    if wanted is not None:
        headers["content-range"] = wanted.content_range(file.bytes)
    sent = wanted or ByteRange(0, file.bytes)
    chunks = read_parts(Context.of(request).storage, file.parts, sent.start, sent.end)
    if request.method != "HEAD":
        chunks = await begun(chunks)
    return ContentResponse(chunks, sent.size, status=status, headers=headers, media_type=_MEDIA_TYPE)


def _takes_range(request: Request, etag: str) -> bool:
    """Whether a range counts: of a GET (RFC 9110, 14.2), and of the file as it is (If-Range; files tell no date)."""
    return request.method == "GET" and request.headers.get("if-range", etag) == etag
