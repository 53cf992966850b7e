"""Input that is not HTTP: the error that the client is told, and the response that tells it outside of any request."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

import httptools
import msgspec

from ingress.http.exchange import REQUEST_ID_HEADER, new_request_id
from ingress.http.refusal import retry_headers
from penstock.errors import ApiError, HttpVersionError, InvalidRequestError

_VERSIONS = frozenset({"1.0", "1.1"})
#: What the parser takes a request line without a version for.
_NO_VERSION = "0.9"
#: What the parser says of HTTP/2's first bytes.
_PREFACE = "Pause on PRI/Upgrade"
_SPEAK = "Ask in HTTP/1.1 or HTTP/1.0."


def check_version(version: str) -> None:
    """Raise InvalidRequestError or HttpVersionError for what is not spoken here."""
    if version == _NO_VERSION:
        raise InvalidRequestError("This is not valid HTTP/1.1: the request line names no version.")
    if version not in _VERSIONS:
        raise HttpVersionError(_SPEAK)


def error_of(complaint: httptools.HttpParserError) -> ApiError:
    """What to tell the client of a parser's complaint, which wraps whatever a callback raised.

    Raises what a callback raised by a mistake of ours.
    """
    own = complaint.__context__
    if isinstance(own, ApiError):
        return own
    if isinstance(own, httptools.HttpParserInvalidURLError):
        return InvalidRequestError("The request's target is neither a path nor an http URL.")
    if own is not None:
        raise own
    if str(complaint) == _PREFACE:
        return HttpVersionError(_SPEAK)
    return InvalidRequestError(f"This is not valid HTTP/1.1: {complaint}.")


def last_answer(error: ApiError, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole response, after which the connection ends; `fields` are those that every response has."""
    body = msgspec.json.encode(error.body)
    status = HTTPStatus(error.status)
    head = b"".join(
        b"%b: %b\r\n" % field
        for field in (
            *fields,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (REQUEST_ID_HEADER.encode(), new_request_id().encode()),
            *((name.encode(), value.encode()) for name, value in retry_headers(error).items()),
        )
    )
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), head, body)
