"""What was used: jobs and tokens, by day, tenant, key, model and class. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from penstock.ledger import Entry

DAY_MS = 24 * 3600 * 1000
#: Between the parts of a count's name.
_SEPARATOR = "\x1f"


class Line(Struct, frozen=True):
    """What a count is of: everything that usage can be grouped by, but the day."""

    tenant: str
    key: str
    model: str
    job_class: str


#: By line, then by measure: jobs, a terminal state, prompt_tokens, cached_tokens, completion_tokens.
Usage = Mapping[Line, Mapping[str, int]]


def day_of(unix_ms: int) -> str:
    """The day of a moment, UTC."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).date().isoformat()


def counts(entries: Iterable[Entry]) -> dict[str, Counter[str]]:
    """What entries of the ledger add, by day and by the name of the count."""
    found: dict[str, Counter[str]] = {}
    for entry in entries:
        of_day = found.setdefault(day_of(entry.finished_ms), Counter())
        line = Line(entry.tenant, entry.key, entry.model, entry.job_class)
        for measure, amount in _measures(entry):
            of_day[_name(line, measure)] += amount
    return found


def usage_of(stored: Mapping[bytes, bytes]) -> dict[Line, dict[str, int]]:
    """A day's counts as they are kept, read again; what is no count of ours is left out."""
    found: dict[Line, dict[str, int]] = {}
    for name, amount in stored.items():
        *parts, measure = name.decode(errors="replace").split(_SEPARATOR)
        if len(parts) == len(Line.__struct_fields__) and amount.lstrip(b"-").isdigit():
            found.setdefault(Line(*parts), {})[measure] = int(amount)
    return found


def _measures(entry: Entry) -> Iterable[tuple[str, int]]:
    yield "jobs", 1
    yield entry.state.value, 1
    for measure in ("prompt_tokens", "cached_tokens", "completion_tokens"):
        amount = getattr(entry.outcome, measure)
        if amount:
            yield measure, amount


def _name(line: Line, measure: str) -> str:
    parts = (line.tenant, line.key, line.model, line.job_class, measure)
    return _SEPARATOR.join(part.replace(_SEPARATOR, " ") for part in parts)


class Dimension(enum.StrEnum):
    """What usage can be grouped by."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"
    CLASS = "class"


#: One group of a report: its value of each dimension, and its counts by measure.
Row = tuple[tuple[str, ...], Mapping[str, int]]


def report(days: Mapping[str, Usage], tenant: str, group_by: Sequence[Dimension]) -> list[Row]:
    """What a tenant used on these days, added up by group; groups in the order of their values."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for day, usage in days.items():
        for line, measures in usage.items():
            if line.tenant == tenant:
                values = {
                    Dimension.DAY: day,
                    Dimension.MODEL: line.model,
                    Dimension.KEY: line.key,
                    Dimension.CLASS: line.job_class,
                }
                found.setdefault(tuple(values[one] for one in group_by), Counter()).update(measures)
    return sorted(found.items())


def merged(usages: Iterable[Usage]) -> dict[Line, Counter[str]]:
    """The usage of several pools on one day."""
    found: dict[Line, Counter[str]] = {}
    for usage in usages:
        for line, measures in usage.items():
            found.setdefault(line, Counter()).update(measures)
    return found
