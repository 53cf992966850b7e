"""The files of the page that shows the document: Swagger UI as published (Apache-2.0, page/LICENSE), and our own."""

from __future__ import annotations

import gzip
from pathlib import Path

from msgspec import Struct

_FOLDER = Path(__file__).parent / "page"
_PACKED = ".gz"
_TEXT = "text/plain; charset=utf-8"

#: The page itself.
INDEX = "index.html"
#: What it loads, by name, with each one's type.
KINDS = {
    "page.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js.LICENSE.txt": _TEXT,
    "LICENSE": _TEXT,
    "NOTICE": _TEXT,
}
#: Everything comes from here, and nothing that a document might hold is run: style attributes are set by the page's own
#: program, pictures are inside its style sheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Asset(Struct, frozen=True):
    """The content of a file, compressed with gzip or not."""

    content: bytes
    is_packed: bool


def asset(name: str, *, accepts_gzip: bool) -> Asset:
    """A file's content. Reads it, and may undo its compression: some milliseconds for the largest."""
    packed = _FOLDER / (name + _PACKED)
    if not packed.exists():
        return Asset((_FOLDER / name).read_bytes(), is_packed=False)
    content = packed.read_bytes()
    return Asset(content, is_packed=True) if accepts_gzip else Asset(gzip.decompress(content), is_packed=False)
