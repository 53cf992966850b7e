"""W3C trace context: among HTTP headers, and as a job carries it."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Each header with what it may be, and as many characters as anybody has to pass on (W3C Trace Context, 3.2.2, 3.3.1).
#: A client may have written anything, and its job carries it to scheduler and worker.
_FORMS = {
    "traceparent": re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,200})?"),
    "tracestate": re.compile(r"[ -~]{0,512}"),
}


def trace_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The trace context among HTTP headers with lower-case names; what is malformed is left out."""
    return {name: headers[name] for name, form in _FORMS.items() if name in headers and form.fullmatch(headers[name])}


def pack(headers: Mapping[str, str]) -> str:
    """Trace headers as a job carries them: `key=value` lines."""
    return "\n".join(f"{name}={value}" for name, value in headers.items())


def unpack(packed: str) -> dict[str, str]:
    """The trace headers of a job; what is no such line is left out."""
    lines = [line.partition("=") for line in packed.split("\n")]
    return {name: value for name, equals, value in lines if equals}
