"""Files that come with the ingress, as responses: held in memory, and not sent again to who has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from starlette.responses import Response

from ingress.http.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_NOT_MODIFIED = 304
_ETAG_CHARACTERS = 32
#: By the end of a name.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class StaticFile:
    """One file: its bytes and what they are."""

    content: bytes
    media_type: str

    @cached_property
    def etag(self) -> str:
        """Another one as soon as a byte is another."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:_ETAG_CHARACTERS]}"'

    def response(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """The file, or a 304 to who has it as it is."""
        fields = {
            **Exchange.of(request).headers,
            **(headers or {}),
            "etag": self.etag,
            # Kept, and asked for each time: a new version is seen at once, and an old one costs no transfer.
            "cache-control": "no-cache",
            "x-content-type-options": "nosniff",
        }
        if self._is_known(request.headers.get("if-none-match", "")):
            return Response(status_code=_NOT_MODIFIED, headers=fields)
        return Response(self.content, headers={**fields, "content-type": self.media_type})

    def _is_known(self, known: str) -> bool:
        """By the weak comparison of RFC 9110, 13.1.2."""
        return known.strip() == "*" or any(tag.strip().removeprefix("W/") == self.etag for tag in known.split(","))


def static_files(folder: Traversable) -> dict[str, StaticFile]:
    """Every file of a folder by its name. Raises KeyError for one of a kind that nobody serves."""
    return {
        file.name: StaticFile(file.read_bytes(), TYPES[PurePosixPath(file.name).suffix])
        for file in folder.iterdir()
        if file.is_file()
    }
