"""What is sent with requests about files, each described once."""

from __future__ import annotations

from typing import Any

from ingress.openapi.operation import Parameter, Where
from penstock.files.file import UPLOADABLE, Purpose
from penstock.files.request import MAX_EXPIRE_S, MIN_EXPIRE_S

#: Files of a page at most.
MAX_LIMIT = 10_000

UPLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "The file itself, with a filename.",
        },
        "purpose": {"enum": list(UPLOADABLE), "description": "What it is for."},
        "expires_after[anchor]": {"const": "created_at", "description": "From when on `seconds` are counted."},
        "expires_after[seconds]": {
            "type": "integer",
            "minimum": MIN_EXPIRE_S,
            "maximum": MAX_EXPIRE_S,
            "description": "How long it is kept.",
        },
    },
    "dependentRequired": {
        "expires_after[anchor]": ["expires_after[seconds]"],
        "expires_after[seconds]": ["expires_after[anchor]"],
    },
}

FILE = Parameter(
    name="file_id", where=Where.PATH, description="The file's id.", example="file-5f0c1b7a9d3e84265f0c1b7a"
)
PURPOSE = Parameter(
    name="purpose", where=Where.QUERY, description="Only files for this.", schema={"enum": list(Purpose)}
)
FILE_LIMIT = Parameter(
    name="limit",
    where=Where.QUERY,
    description=f"Files of a page at most; {MAX_LIMIT} without it.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
)
ORDER = Parameter(
    name="order",
    where=Where.QUERY,
    description="Oldest first (asc), or newest first, which is so without it.",
    schema={"enum": ["asc", "desc"]},
)
AFTER_FILE = Parameter(name="after", where=Where.QUERY, description="The `last_id` of the page before.")
RANGE = Parameter(
    name="range",
    where=Where.HEADER,
    description="Some of its bytes, as in `bytes=0-1023` or `bytes=-500`; of several ranges, the whole is sent.",
)
IF_RANGE = Parameter(
    name="if-range", where=Where.HEADER, description="An `etag`: of another content than that, the whole is sent."
)
