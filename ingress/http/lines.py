"""A request's body read line by line as it comes: JSON Lines, of which nothing is ever whole in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import Message
from typing import TYPE_CHECKING

from ingress.http.connection import Connection
from penstock.errors import RequestTimeoutError, UnsupportedCodingError, UnsupportedMediaTypeError
from penstock.lines import Line, LineSplitter

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock.settings import IngressSettings

LINES_TYPE = "application/x-ndjson"
_TYPES = frozenset({LINES_TYPE, "application/ndjson", "application/jsonl", "application/x-jsonlines"})


async def read_lines(request: Request, limits: IngressSettings) -> AsyncIterator[Line]:
    """The lines of a body as they come.

    Raises UnsupportedMediaTypeError, UnsupportedCodingError, RequestTimeoutError, ClientDisconnect.
    """
    _require_lines(request)
    splitter = LineSplitter(limits.max_body_bytes)
    parts = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                part = await anext(parts, None)
        except TimeoutError:
            raise RequestTimeoutError("The next part of the request's body did not arrive in time.") from None
        if part is None:
            break
        for line in splitter.feed(part):
            yield line
    for line in splitter.end():
        yield line
    Connection.of(request.scope).resume_reading()


def _require_lines(request: Request) -> None:
    declared = Message()
    declared["content-type"] = request.headers.get("content-type", "")
    if declared.get_content_type() not in _TYPES:
        raise UnsupportedMediaTypeError(f"The request body is JSON Lines in UTF-8: send `content-type: {LINES_TYPE}`.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedCodingError("A body of lines is read as it comes, and must not be compressed.")
