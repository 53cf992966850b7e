"""What a request's head must say before anybody looks at the rest: host, framing, expectations."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.requests import Request

from ingress.http import refusal
from ingress.http.connection import Connection
from ingress.http.exchange import Exchange
from penstock.errors import (
    ApiError,
    ExpectationError,
    InvalidRequestError,
    MisdirectedRequestError,
    UnavailableError,
    UnimplementedError,
)
from penstock.settings import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from penstock.settings import IngressSettings

#: A reg-name, an IPv4 or a bracketed IPv6 address, and perhaps a port (RFC 9110, 7.2; RFC 3986, 3.2.2).
_HOST = re.compile(rb"(?P<name>\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:\d{0,5})?", re.ASCII)
#: More digits are no size.
_MAX_LENGTH_DIGITS = 19
#: In which another ingress may have been found, or this one begun again.
_ANOTHER_S = 1
_WATCHED = frozenset({b"host", b"expect", b"transfer-encoding", b"content-length"})


class Gate:
    """Lets through what may be served; `hosts` are the names asked for, None for any."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self.app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        error = self._fault(scope) or await self._pass_on(scope, receive, send)
        if error is not None:
            response = await refusal.refuse(Request(scope), error)
            await response(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> ApiError | None:
        """Have the app answer; returns what to say in its stead where the server's grace is over before it began."""
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            # No news for the server's log, as an error would be.
            if Exchange.of(Request(scope)).status is None:
                return UnavailableError("This ingress is ending.", retry_after_s=_ANOTHER_S)
            await Connection.of(scope).cut()
        return None

    def _fault(self, scope: Scope) -> ApiError | None:
        hosts = []
        error: ApiError | None = None
        for name, value in scope["headers"]:
            if name not in _WATCHED:
                continue
            if name == b"host":
                hosts.append(value)
            else:
                error = error or _wrong(name, value, scope["http_version"])
        return error or self._wrong_host(hosts, scope["http_version"])

    def _wrong_host(self, hosts: list[bytes], version: str) -> ApiError | None:
        if len(hosts) != 1:
            # HTTP/1.0 had none.
            is_wrong = hosts or version != "1.0"
            return InvalidRequestError("A request has one Host header.") if is_wrong else None
        name = _name(hosts[0])
        if name is None:
            return InvalidRequestError("The Host header is not a host.")
        if self._hosts is None or _is_local(name) or name in self._hosts:
            return None
        return MisdirectedRequestError(
            f"Nobody here is called {name[:100]!r}; if that is this server's name, add it to ingress.allowed_hosts."
        )


def allowed_hosts(limits: IngressSettings, listener_host: str) -> frozenset[str] | None:
    """The names a listener answers to besides the loopback's; None where it answers to all.

    Who needs no key must not be reached by a web page whose name was made to point here.
    """
    if not limits.allowed_hosts and (limits.api_keys or not is_loopback(listener_host)):
        return None
    return frozenset(name.lower() for name in limits.allowed_hosts)


def _wrong(name: bytes, value: bytes, version: str) -> ApiError | None:
    if name == b"content-length" and len(value) > _MAX_LENGTH_DIGITS:
        return InvalidRequestError("The Content-Length has too many digits.")
    if name == b"expect" and version != "1.0" and value.lower() != b"100-continue":
        return ExpectationError("The only expectation that can be met is 100-continue.")
    if name == b"transfer-encoding":
        if version == "1.0":
            return InvalidRequestError("HTTP/1.0 knows no Transfer-Encoding.")
        if value.lower() != b"chunked":
            return UnimplementedError("The only Transfer-Encoding that can be undone is chunked.")
    return None


@lru_cache(maxsize=256)
def _name(host: bytes) -> str | None:
    """The name in a Host header, lower case and without a port; None if it is malformed."""
    match = _HOST.fullmatch(host)
    return match["name"].decode().lower().rstrip(".") if match else None


@lru_cache(maxsize=256)
def _is_local(name: str) -> bool:
    return is_loopback(name.strip("[]")) or name.endswith(".localhost")
