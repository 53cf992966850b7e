"""Files that come with the ingress, as responses: compressed where a client takes gzip, a 304 where it has the file."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.responses import Response

from ingress.http.content_coding import accepts_gzip
from ingress.http.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_NOT_MODIFIED = 304
_ETAG_CHARACTERS = 32
#: The end of a file's name in its folder where it is stored compressed.
_PACKED = ".gz"
_TEXT = "text/plain; charset=utf-8"
#: By the end of a name.
_TYPES = {
    "": _TEXT,
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": _TEXT,
    ".txt": _TEXT,
}


class _Sent(Struct, frozen=True):
    """A file as it is sent, compressed with gzip or not."""

    content: bytes
    is_packed: bool
    #: Strong: it changes with any byte, so that the two forms of a file have different ones (RFC 9110, 8.8.3.3).
    etag: str

    @classmethod
    def of(cls, content: bytes, *, is_packed: bool) -> _Sent:
        digest = hashlib.sha256(content).hexdigest()[:_ETAG_CHARACTERS]
        return cls(content, is_packed, f'"{digest}"')

    def is_known(self, known: str) -> bool:
        """Whether an If-None-Match names it, by the weak comparison of RFC 9110, 13.1.2."""
        return known.strip() == "*" or any(tag.strip().removeprefix("W/") == self.etag for tag in known.split(","))


class StaticFile:
    """One file. Each form, compressed or plain, is made when a client first asks for it, and kept."""

    def __init__(self, stored: bytes, media_type: str, *, is_packed: bool) -> None:
        self.media_type = media_type
        self._stored = stored
        self._is_packed = is_packed
        #: By whether a client takes gzip.
        self._sent = dict[bool, _Sent]()

    async def response(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """The file, or a 304 where the client has it already."""
        takes_gzip = accepts_gzip(request.headers.get("accept-encoding", ""))
        sent = self._sent.get(takes_gzip)
        if sent is None:
            # On a thread: to compress or expand the largest takes some milliseconds.
            sent = await asyncio.to_thread(self._make, takes_gzip=takes_gzip)
        fields = {
            **Exchange.of(request).headers,
            **(headers or {}),
            "etag": sent.etag,
            # Kept, and asked for each time: a new version is seen at once, and an old one costs no transfer.
            "cache-control": "no-cache",
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if sent.is_known(request.headers.get("if-none-match", "")):
            return Response(status_code=_NOT_MODIFIED, headers=fields)
        coding = {"content-encoding": "gzip"} if sent.is_packed else {}
        return Response(sent.content, headers={**fields, **coding, "content-type": self.media_type})

    def _make(self, *, takes_gzip: bool) -> _Sent:
        sent = self._sent[takes_gzip] = self._packed() if takes_gzip else self._plain()
        return sent

    def _packed(self) -> _Sent:
        packed = self._stored if self._is_packed else gzip.compress(self._stored, mtime=0)
        # A very short text grows.
        return _Sent.of(packed, is_packed=True) if self._is_packed or len(packed) < len(self._stored) else self._plain()

    def _plain(self) -> _Sent:
        return _Sent.of(gzip.decompress(self._stored) if self._is_packed else self._stored, is_packed=False)


def static_files(folder: Traversable) -> dict[str, StaticFile]:
    """Every file of a folder by its name. Raises KeyError for one of a kind that nobody serves."""
    return dict(_file(one) for one in folder.iterdir() if one.is_file())


def _file(stored: Traversable) -> tuple[str, StaticFile]:
    name = stored.name.removesuffix(_PACKED)
    media_type = _TYPES[PurePosixPath(name).suffix]
    return name, StaticFile(stored.read_bytes(), media_type, is_packed=stored.name != name)
