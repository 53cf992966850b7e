"""Answers to HTTP/1.0, which knows no chunks: the end of the connection is the end of the answer (RFC 9112, 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_BODILESS = frozenset({204, 304})


class UntilClose:
    """Wraps a cycle's `send`: writes the body of an answer of unknown length itself, without framing."""

    def __init__(self, cycle: RequestResponseCycle, write: Callable[[bytes], None]) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._write = write
        self._is_unframed = False

    async def __call__(self, message: Message) -> None:
        """Send the head, or a part of the body."""
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            if b"content-length" not in names and message["status"] not in _BODILESS:
                self._is_unframed = True
                # The cycle then neither announces chunks nor makes them.
                self._cycle.chunked_encoding = False
        elif self._is_unframed and message.get("body"):
            if self._cycle.scope["method"] != "HEAD":
                self._write(message["body"])
            message = {**message, "body": b""}
        await self._send(message)  # type: ignore[arg-type]
