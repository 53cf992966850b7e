"""What a query asks of the list of jobs. Pure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingress.http.query import number, word_of
from ingress.intake.listing import JobFilter
from penstock.errors import InvalidRequestError
from penstock.job import State
from penstock.job_class import JobClass

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

_DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_LAST_MOMENT_S = datetime.max.replace(tzinfo=UTC).timestamp()


def job_filter(query: QueryParams) -> JobFilter:
    """The jobs that are wanted. Raises InvalidRequestError."""
    if "metadata" in query:
        raise InvalidRequestError("metadata: name the key, as in metadata[ticket]=4711.", param="metadata")
    return JobFilter(
        states=frozenset(word_of(State, "state", name) for name in query.get("state", "").split(",") if name),
        model=query.get("model"),
        job_class=word_of(JobClass, "class", query["class"]) if "class" in query else None,
        created_after_ms=_time_ms(query, "created_after"),
        created_before_ms=_time_ms(query, "created_before"),
        metadata={
            name.removeprefix("metadata[").removesuffix("]"): value
            for name, value in query.multi_items()
            if name.startswith("metadata[") and name.endswith("]")
        },
    )


def page_limit(request: Request) -> int:
    """How many jobs a page has at most. Raises InvalidRequestError."""
    return number(request, "limit", _DEFAULT_LIMIT, 1, MAX_LIMIT)


def _time_ms(query: QueryParams, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        # Beyond these moments there are no jobs to tell apart.
        return round(min(max(_unix_s(text), 0), _LAST_MOMENT_S) * 1000)
    except ValueError:
        raise InvalidRequestError(
            f"{name}: {text[:40]!r} is no time; give Unix seconds, or one like 2026-12-31T23:59:00Z.", param=name
        ) from None


def _unix_s(text: str) -> float:
    """Unix seconds, or a date and time of ISO 8601. Raises ValueError."""
    with suppress(ValueError):
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
