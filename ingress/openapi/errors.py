"""Errors as answers of the document: one per status, with the types and codes that it may have there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any

from msgspec import Struct

from ingress.http.refusal import RETRIED
from ingress.openapi.headers import (
    ACCEPT,
    ACCEPT_ENCODING,
    ALLOW,
    AUTHENTICATE,
    CONTENT_RANGE,
    IGNORED,
    JOB_ID,
    RATE_LIMITS,
    RETRY_AFTER,
    SHOULD_RETRY,
    Header,
)
from penstock.errors import (
    ApiError,
    BodyTooLargeError,
    ExpectationError,
    HeadersTooLargeError,
    HttpVersionError,
    InvalidRequestError,
    MisdirectedRequestError,
    OverloadedError,
    QueueFullError,
    RequestTimeoutError,
    UnavailableError,
    UnimplementedError,
)

#: What any request may get: from the connection, the gate, an ingress that is ending, or a mistake of ours.
ANY: tuple[type[ApiError], ...] = (
    InvalidRequestError,
    RequestTimeoutError,
    BodyTooLargeError,
    ExpectationError,
    MisdirectedRequestError,
    HeadersTooLargeError,
    ApiError,
    UnimplementedError,
    UnavailableError,
    HttpVersionError,
)
#: What needs the queue may find its memory full, or nobody there.
QUEUE: tuple[type[ApiError], ...] = (OverloadedError, UnavailableError)

_OF_STATUS: dict[int, tuple[Header, ...]] = {
    401: (AUTHENTICATE,),
    405: (ALLOW,),
    415: (ACCEPT, ACCEPT_ENCODING),
    416: (CONTENT_RANGE,),
    429: (RETRY_AFTER,),
    503: (RETRY_AFTER,),
}
#: Those of a lane; where no pool was asked for, there is none.
_LIMITED = frozenset({QueueFullError.status, OverloadedError.status})


class Refusal(Struct, frozen=True):
    """The errors of one status that an operation may answer with; `has_job` if there may be a job behind them."""

    status: int
    classes: Sequence[type[ApiError]]
    has_job: bool

    @property
    def name(self) -> str:
        """Of the component; equal refusals have equal names."""
        names = "Or".join(cls.__name__.removesuffix("Error") for cls in self.classes)
        return f"{names}{'WithJob' if self.has_job else ''}"

    @property
    def description(self) -> str:
        """One line per error."""
        lines = [f"{HTTPStatus(self.status).phrase}.", *(_told(cls) for cls in self.classes)]
        return "\n\n".join(lines)

    @property
    def headers(self) -> tuple[Header, ...]:
        """Of each such answer."""
        retried = (SHOULD_RETRY,) if self.status in RETRIED or self.status >= ApiError.status else ()
        limits = RATE_LIMITS if self.has_job and self.status in _LIMITED else ()
        of_job = (JOB_ID.optional, IGNORED) if self.has_job else ()
        return (*_OF_STATUS.get(self.status, ()), *retried, *limits, *of_job)

    @property
    def schema(self) -> dict[str, Any]:
        """The error object with the types and codes of these errors."""
        told = {"type": sorted({cls.type for cls in self.classes}), "code": [cls.code for cls in self.classes]}
        narrowed = {name: {"enum": values} for name, values in told.items()}
        return {
            "allOf": [
                {"$ref": "#/components/schemas/Error"},
                {"properties": {"error": {"properties": narrowed}}},
            ]
        }

    @property
    def examples(self) -> dict[str, Any]:
        """One per error, with its class' sentence for a message."""
        return {
            cls.code or cls.type: {"value": cls(_sentence(cls)).body, "summary": cls.code or cls.type}
            for cls in self.classes
        }


def refusals(classes: Iterable[type[ApiError]], *, has_job: bool) -> list[Refusal]:
    """Errors by status, in order."""
    known = sorted(dict.fromkeys(classes), key=lambda cls: (cls.status, cls.code or "", cls.__name__))
    return [
        Refusal(status, tuple(group), has_job=has_job) for status, group in groupby(known, key=lambda cls: cls.status)
    ]


def _told(cls: type[ApiError]) -> str:
    return f"* `{cls.code or cls.type}`: {_sentence(cls)}"


def _sentence(cls: type[ApiError]) -> str:
    if cls is ApiError:
        return "Something went wrong on our side."
    return (cls.__doc__ or "").partition("\n")[0]
