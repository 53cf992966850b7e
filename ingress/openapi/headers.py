"""The headers of answers, each described once."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ingress.http.content_coding import CODINGS
from ingress.http.exchange import IGNORED_HEADER, JOB_ID_HEADER, REQUEST_ID_HEADER
from ingress.http.refusal import RETRY_AFTER_HEADER, RETRY_HEADER
from ingress.intake.admission import MAX_RETRY_AFTER_S, RATE_LIMIT_HEADERS
from penstock.errors import FormExpectedError, UnsupportedMediaTypeError

_DURATION = r"^(\d+m)?\d+s$"
_LIMITS: dict[str, tuple[str, dict[str, Any]]] = {
    "limit": ("How many {what} may wait in a lane of this pool.", {"type": "integer", "minimum": 0}),
    "remaining": ("How many {what} more may wait.", {"type": "integer", "minimum": 0}),
    "reset": ("When there will be room for {what} again, as in `6m0s`.", {"type": "string", "pattern": _DURATION}),
}


class Header(Struct, frozen=True):
    """One field of an answer's head."""

    name: str
    description: str
    schema: dict[str, Any]
    #: Whether each such answer has it.
    is_required: bool = True

    @property
    def optional(self) -> Header:
        """The same where only some answers have it."""
        return replace(self, is_required=False)


REQUEST_ID = Header(
    REQUEST_ID_HEADER,
    "Names this request: the id of its job where there is one.",
    {"type": "string", "minLength": 1},
)
JOB_ID = Header(
    JOB_ID_HEADER, "The job behind this answer, for `/v1/jobs/{job_id}`.", {"type": "string", "minLength": 1}
)
IGNORED = Header(
    IGNORED_HEADER,
    "Names of fields in the request's body that mean nothing here, as a misspelt one; `?` for one that is no name.",
    {"type": "string"},
    is_required=False,
)
LOCATION = Header("location", "Where to ask for the job.", {"type": "string", "minLength": 1})
RETRY_AFTER = Header(
    RETRY_AFTER_HEADER,
    "Seconds after which to try again.",
    {"type": "integer", "minimum": 1, "maximum": MAX_RETRY_AFTER_S},
)
SHOULD_RETRY = Header(
    RETRY_HEADER, "Whether the same request may succeed later; OpenAI's clients obey it.", {"enum": ["true", "false"]}
)
ALLOW = Header("allow", "The methods that there are.", {"type": "string", "minLength": 1})
AUTHENTICATE = Header("www-authenticate", "How to say who asks.", {"const": "Bearer"})
ACCEPT = Header(
    "accept",
    "The content type to send instead.",
    {"enum": [UnsupportedMediaTypeError.accept, FormExpectedError.accept]},
    is_required=False,
)
ACCEPT_ENCODING = Header("accept-encoding", "The codings to use instead.", {"const": CODINGS}, is_required=False)
NO_STORE = Header("cache-control", "Nothing keeps a copy.", {"const": "no-store"})
UNBUFFERED = Header("x-accel-buffering", "Tells proxies to pass each event on at once.", {"const": "no"})
ACCEPT_RANGES = Header("accept-ranges", "What a range is of.", {"const": "bytes"})
CONTENT_RANGE = Header("content-range", "Which bytes these are, and of how many.", {"type": "string"})
DISPOSITION = Header("content-disposition", "It is to be kept as a file, of this name.", {"type": "string"})
ETAG = Header("etag", "Another one as soon as a byte is another; `if-none-match` asks by it.", {"type": "string"})
NO_SNIFFING = Header("x-content-type-options", "It is what its type says.", {"const": "nosniff"})
CONTENT_SECURITY = Header("content-security-policy", "Nothing from another host is loaded.", {"type": "string"})


def _rate_limit(name: str) -> Header:
    fact, what = name.rsplit("-", 2)[1:]
    description, schema = _LIMITS[fact]
    return Header(name, description.format(what=what), schema, is_required=False)


RATE_LIMITS = tuple(map(_rate_limit, RATE_LIMIT_HEADERS))
