"""Reading a request's body, no more and no longer than allowed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ingress.connection import Connection
from penstock.errors import BodyTooLargeError, InvalidRequestError, RequestTimeoutError

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock.settings import IngressSettings


async def read_body(request: Request, limits: IngressSettings) -> bytes:
    """The body, UTF-8. Raises BodyTooLargeError, RequestTimeoutError, InvalidRequestError, ClientDisconnect."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.max_body_bytes:
        raise _too_large(limits)
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
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"The request body is not valid UTF-8 at byte {error.start}.") from None
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


def _too_large(limits: IngressSettings) -> BodyTooLargeError:
    return BodyTooLargeError(f"The request body is larger than {limits.max_body_bytes} bytes.")
