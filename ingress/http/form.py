"""A request's body as a form (multipart/form-data), read as it comes: of no part is ever much in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ingress.http.connection import Connection
from penstock.errors import (
    BodyTooLargeError,
    FormExpectedError,
    InvalidRequestError,
    RequestTimeoutError,
    UnsupportedCodingError,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock.settings import IngressSettings

FORM_TYPE = "multipart/form-data"
_FORM = FORM_TYPE.encode()
# Its lines say what is wrong with a request; that is for whoever sent it.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

#: No form of ours has nearly so many parts.
MAX_PARTS = 32


class FormPart(Struct, frozen=True):
    """A field of a form, or a file."""

    name: str
    #: None where it is no file.
    filename: str | None


#: What came of a part; its first bytes are none, so that an empty one is seen.
Piece = tuple[FormPart, bytes]


class FormReader:
    """Cuts what comes into pieces of parts."""

    def __init__(self, boundary: bytes) -> None:
        """Raises InvalidRequestError for a boundary that is none."""
        self._pieces: list[Piece] = []
        self._part: FormPart | None = None
        self._count = 0
        self._field = b""
        self._value = b""
        self._disposition = b""
        self._is_over = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_field,
                    "on_header_value": self._on_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_head,
                    "on_part_data": self._on_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def feed(self, data: bytes) -> Iterator[Piece]:
        """What of each part is in these bytes. Raises InvalidRequestError."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(str(error)) from None
        pieces, self._pieces = self._pieces, []
        yield from pieces

    def close(self) -> None:
        """Raises InvalidRequestError where the form has no end."""
        if not self._is_over:
            raise _malformed("its last boundary is missing")

    def _begin(self) -> None:
        self._count += 1
        self._part, self._disposition = None, b""
        if self._count > MAX_PARTS:
            raise InvalidRequestError(f"The form has more than {MAX_PARTS} parts.")

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _end_head(self) -> None:
        self._part = _part(self._disposition)
        self._pieces.append((self._part, b""))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is not None:
            self._pieces.append((self._part, data[start:end]))

    def _end(self) -> None:
        self._is_over = True


async def read_form(
    request: Request, limits: IngressSettings, max_bytes: int, too_large: BodyTooLargeError
) -> AsyncIterator[Piece]:
    """The pieces of a form's parts as they come; `too_large` is raised for a body of more than `max_bytes`.

    Raises FormExpectedError, UnsupportedCodingError, RequestTimeoutError, InvalidRequestError, ClientDisconnect.
    """
    reader = FormReader(_boundary(request))
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    size = 0
    parts = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                data = await anext(parts, None)
        except TimeoutError:
            raise RequestTimeoutError("The next part of the request's body did not arrive in time.") from None
        if data is None:
            break
        size += len(data)
        if size > max_bytes:
            raise too_large
        for piece in reader.feed(data):
            yield piece
    reader.close()
    Connection.of(request.scope).resume_reading()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != _FORM:
        told = f"not {kind.decode('latin-1')[:100]!r}" if kind else "and has to say so"
        raise FormExpectedError(f"The request body is a form, {told}: send `content-type: {FORM_TYPE}`.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedCodingError("A form is read as it comes, and must not be compressed.")
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise _malformed("its content-type names no boundary")
    return boundary


def _part(disposition: bytes) -> FormPart:
    """Raises InvalidRequestError."""
    kind, options = parse_options_header(disposition.decode("latin-1"))
    if kind != b"form-data" or b"name" not in options:
        raise _malformed("a part of it has no content-disposition that names it")
    try:
        filename = options.get(b"filename")
        return FormPart(options[b"name"].decode(), None if filename is None else filename.decode())
    except UnicodeDecodeError:
        raise _malformed("the name of a part of it is not UTF-8") from None


def _malformed(reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"The form cannot be read: {reason.rstrip('.')}.")
