"""A request that offers another protocol is served as it stands: the offer is ours to ignore (RFC 9110, 7.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from httptools import HttpRequestParser

_FRAMING = (b"content-length", b"transfer-encoding")


class Messages(Protocol):
    """What a parser tells of the messages it reads."""

    def on_message_begin(self) -> None:
        """A message begins."""

    def on_url(self, url: bytes) -> None:
        """A part of its target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of its head or trailers."""

    def on_headers_complete(self) -> None:
        """Its head is complete."""

    def on_chunk_complete(self) -> None:
        """A chunk was read."""

    def on_body(self, body: bytes) -> None:
        """A part of its body."""

    def on_message_complete(self) -> None:
        """It is complete."""


class _WithoutFirstHead:
    """Passes everything on but the first head."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._is_past = False
        self.on_chunk_complete = messages.on_chunk_complete
        self.on_body = messages.on_body
        self.on_message_complete = messages.on_message_complete

    def on_message_begin(self) -> None:
        if self._is_past:
            self._messages.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._is_past:
            self._messages.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_past:
            self._messages.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_past:
            self._messages.on_headers_complete()
        self._is_past = True


def body_parser(messages: Messages, fields: Iterable[tuple[bytes, bytes]]) -> tuple[HttpRequestParser, bytes]:
    """A parser that reads on behind a head with these fields, and what it has to be fed first.

    llhttp takes what follows a head with `Upgrade` for the other protocol's, and has no way to be told otherwise.
    """
    framing = b"".join(b"%b: %b\r\n" % field for field in fields if field[0] in _FRAMING)
    return HttpRequestParser(_WithoutFirstHead(messages)), b"POST / HTTP/1.1\r\n%b\r\n" % framing
