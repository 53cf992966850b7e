"""What is known of the HTTP request being served: for headers, metrics, spans and logs, whichever way it ends."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from penstock.telemetry import spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.requests import HTTPConnection
    from starlette.types import Scope

    from penstock.frames import End
    from penstock.telemetry.span import Span

JOB_ID_HEADER = "x-penstock-job-id"
IGNORED_HEADER = "x-penstock-ignored"
_MAX_NAMED = 20
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
REQUEST_ID_HEADER = "x-request-id"
_REQUEST_ID = REQUEST_ID_HEADER.encode()
_KEY = "exchange"
#: A client's own name for its request goes into logs and spans: as long as anybody needs, and nothing but print.
_MAX_CLIENT_ID_CHARACTERS = 128
_UNPRINTABLE = re.compile(rb"[^\x21-\x7e]")
#: The metrics' label of requests that name no model.
NO_MODEL = "-"


class Exchange(Struct):
    """Filled in as the request is understood."""

    started_s: float = msgspec.field(default_factory=time.monotonic)
    #: A model that is served, else NO_MODEL: a label must not be the client's free text.
    model: str = NO_MODEL
    #: Set once the job may exist.
    job_id: str | None = None
    #: Where its job goes.
    pool: str | None = None
    #: Names in the request's body that mean nothing here.
    ignored: Sequence[str] = ()
    span: Span | None = None
    #: Of the response, once it has begun.
    status: int | None = None
    #: The name of the error that the client was told.
    error: str | None = None
    #: What the client calls its request.
    client_request_id: str | None = None

    @classmethod
    def of(cls, request: HTTPConnection) -> Exchange:
        """The exchange that a request belongs to."""
        exchange: Exchange = request.scope[_KEY]
        return exchange

    def enter(self, scope: Scope) -> None:
        """Make it known to the handlers."""
        scope[_KEY] = self

    @property
    def request_id(self) -> str:
        """What the response calls the request: its job, or a name of its own."""
        return self.job_id or new_request_id()

    @property
    def elapsed_s(self) -> float:
        """Since the request's head."""
        return time.monotonic() - self.started_s

    @property
    def headers(self) -> dict[str, str]:
        """What every response has."""
        headers = {JOB_ID_HEADER: self.job_id} if self.job_id else {}
        return headers | {IGNORED_HEADER: ", ".join(named(self.ignored))} if self.ignored else headers

    def trace_end(self, end: End) -> None:
        """Put the job's end into the span."""
        if self.span is not None:
            self.span.set(
                {
                    spans.RESPONSE_FINISH_REASONS: [end.finish_reason or end.state],
                    spans.USAGE_INPUT_TOKENS: end.prompt_tokens,
                    spans.USAGE_OUTPUT_TOKENS: end.completion_tokens,
                    spans.USAGE_CACHED_TOKENS: end.cached_tokens,
                }
            )


def named(fields: Sequence[str]) -> list[str]:
    """Names of fields that an answer may repeat; a client may have written anything into them."""
    return [name if _NAME.fullmatch(name) else "?" for name in fields[:_MAX_NAMED]]


def new_request_id() -> str:
    """A name for a request that makes no job."""
    # No secret; and unlike the system's, this source of chance costs next to nothing.
    return f"req-{random.getrandbits(96):024x}"


def client_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What a client calls its request, cleaned and cut; None if it has no name for it."""
    for name, value in headers:
        if name == _REQUEST_ID:
            return _UNPRINTABLE.sub(b"", value)[:_MAX_CLIENT_ID_CHARACTERS].decode() or None
    return None
