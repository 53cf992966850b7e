"""One attempt: a POST to an address that may be sent to, bounded in time and in what is read of the answer."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpcore2
from msgspec import Struct

from background.bounded_stream import BoundedStream
from penstock.webhooks.address import Network, is_allowed
from penstock.webhooks.delivery import AttemptOutcome

#: Of an answer's body, what is read, and what of it the log keeps.
_MOST_READ_BYTES = 4096
_SHOWN_CHARACTERS = 200
#: How long is waited for the rest of it; what came of the attempt is known by its head.
_BODY_S = 1.0
_KEEP_ALIVE_S = 2.0
_GONE = 410
_MOST_RETRY_AFTER_DIGITS = 6

_BROKEN = (OSError, httpcore2.NetworkError, httpcore2.ProtocolError)

#: The addresses of a host; raises OSError.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class ForbiddenAddressError(Exception):
    """A host has no address that may be sent to."""


class Answer(Struct, frozen=True):
    """What came of an attempt."""

    outcome: AttemptOutcome
    #: 0 where there was no answer.
    status: int = 0
    error: str = ""
    #: What the receiver asked to be spared for.
    retry_after_s: float = 0.0


class Sender:
    """Sends to whoever may be sent to. Redirects are not followed, and no proxy is used."""

    def __init__(
        self, networks: Sequence[Network], *, timeout_s: float, most: int, resolve: Resolve | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=_KEEP_ALIVE_S,
            network_backend=_CheckingBackend(networks, resolve or _resolve),
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make one attempt; whatever goes wrong with it is its answer."""
        fields = {
            "user-agent": "Penstock",
            "content-type": "application/json",
            # Nothing is worth unpacking what a receiver may have packed.
            "accept-encoding": "identity",
            **headers,
        }
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                return await self._post(url, fields, body, limit)
        except (TimeoutError, httpcore2.TimeoutException):
            return Answer(AttemptOutcome.TIMED_OUT, error=f"no answer within {self._timeout_s:g} s")
        except ForbiddenAddressError as error:
            return Answer(AttemptOutcome.FORBIDDEN, error=str(error))
        # A ValueError: a name that cannot be one, or a URL that this client reads otherwise.
        except (ValueError, *_BROKEN) as error:
            return Answer(AttemptOutcome.UNREACHABLE, error=_shown(str(error) or type(error).__name__))

    async def close(self) -> None:
        """Close what is kept open."""
        await self._pool.aclose()

    async def _post(self, url: str, fields: Mapping[str, str], body: bytes, limit: asyncio.Timeout) -> Answer:
        async with self._pool.stream("POST", url, headers=list(fields.items()), content=body) as response:
            # It is in time; its body has a limit of its own.
            limit.reschedule(None)
            status = response.status
            said = await _beginning(response)
            if status // 100 == 2:  # noqa: PLR2004 - HTTP's class of success
                return Answer(AttemptOutcome.DELIVERED, status)
            outcome = AttemptOutcome.GONE if status == _GONE else AttemptOutcome.REFUSED
            return Answer(outcome, status, _shown(said.decode(errors="replace")), _retry_after_s(response.headers))


class _CheckingBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses, not to names: the address that was checked is the one that is connected to."""

    def __init__(self, networks: Sequence[Network], resolve: Resolve) -> None:
        self._networks = networks
        self._resolve = resolve
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the protocol of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that may be sent to and answers."""
        found = await self._resolve(host, port)
        allowed = [one for one in found if is_allowed(ipaddress.ip_address(one), self._networks)]
        if not allowed:
            raise ForbiddenAddressError(
                f"{host} is {', '.join(found)}: no public address, and webhooks.allowed_networks has none of it"
            )
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in allowed:
            try:
                stream = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError as error:
                failure = error
            else:
                return BoundedStream(stream)
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


async def _resolve(host: str, port: int) -> Sequence[str]:
    """As the system has it; an address is its own."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A link-local address has its interface behind a percent sign.
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


async def _beginning(response: httpcore2.Response) -> bytes:
    """The beginning of its body, or what comes of that; the rest is not read, and its connection is closed."""
    said = b""
    with suppress(TimeoutError, *_BROKEN):
        async with asyncio.timeout(_BODY_S):
            async for part in response.aiter_stream():
                said += part
                if len(said) >= _MOST_READ_BYTES:
                    break
    return said[:_MOST_READ_BYTES]


def _retry_after_s(headers: Iterable[tuple[bytes, bytes]]) -> float:
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) <= _MOST_RETRY_AFTER_DIGITS:
            return float(value)
    return 0.0


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text[:_SHOWN_CHARACTERS])
