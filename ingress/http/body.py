"""Reading a request's body, no more and no longer than allowed."""

from __future__ import annotations

import asyncio
from email.message import Message
from typing import TYPE_CHECKING

from ingress.http.connection import Connection
from ingress.http.content_coding import undo, window_of
from penstock.errors import BodyTooLargeError, RequestTimeoutError, UnsupportedMediaTypeError
from penstock.json_body import utf8_fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock.settings import IngressSettings

_JSON = "application/json"


async def read_json(request: Request, limits: IngressSettings) -> bytes:
    """A body that says it is JSON, decompressed, UTF-8.

    Raises UnsupportedMediaTypeError, BodyTooLargeError, RequestTimeoutError, InvalidRequestError, ClientDisconnect.
    """
    require_json(request)
    raw = await read_body(request, limits)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise utf8_fault(raw, error) from None
    return raw


def require_json(request: Request) -> None:
    """Raise UnsupportedMediaTypeError unless the body says that it is JSON.

    A web page may have a browser send anything else to any server without asking that first.
    """
    declared = _fields(request).get(b"content-type", b"").decode("latin-1")
    if declared != _JSON and not _is_json(declared):
        told = f"not {declared[:100]!r}" if declared else "and has to say so"
        raise UnsupportedMediaTypeError(f"The request body is JSON in UTF-8, {told}: send `content-type: {_JSON}`.")


async def read_body(request: Request, limits: IngressSettings) -> bytes:
    """The body, decompressed.

    Raises UnsupportedCodingError, BodyTooLargeError, RequestTimeoutError, InvalidRequestError, ClientDisconnect.
    """
    fields = _fields(request)
    window = window_of(fields.get(b"content-encoding", b"").decode("latin-1"))
    if int(fields.get(b"content-length", 0)) > limits.max_body_bytes:
        raise _too_large(limits)
    raw = await _read_in_time(request, limits)
    if window is None:
        return raw
    content = await asyncio.to_thread(undo, raw, window, limits.max_body_bytes)
    if content is None:
        raise _too_large(limits)
    return content


async def _read_in_time(request: Request, limits: IngressSettings) -> bytes:
    connection = Connection.of(request.scope)
    if connection.has_whole_request:
        raw = await _read(request, limits)
    else:
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                raw = await _read(request, limits)
        except TimeoutError:
            raise RequestTimeoutError("The request's body did not arrive in time.") from None
    connection.resume_reading()
    return raw


async def _read(request: Request, limits: IngressSettings) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limits.max_body_bytes:
            raise _too_large(limits)
        parts.append(part)
    return b"".join(parts)


def _fields(request: Request) -> dict[bytes, bytes]:
    """By name; in one go, where `Headers` would go through all of them for each."""
    return dict(request.scope["headers"])


def _is_json(declared: str) -> bool:
    parsed = Message()
    parsed["content-type"] = declared
    kind = parsed.get_content_type() if "/" in declared else ""
    # A name that is no ASCII is told as none at all.
    charset = (parsed.get_content_charset("unknown" if "charset" in declared.lower() else "utf-8") or "utf-8").lower()
    return (kind == _JSON or (kind.startswith("application/") and kind.endswith("+json"))) and charset in {
        "utf-8",
        "utf8",
        "us-ascii",
    }


def _too_large(limits: IngressSettings) -> BodyTooLargeError:
    return BodyTooLargeError(f"The request body is larger than {limits.max_body_bytes} bytes.")
