"""`/v1/usage`: what the caller's tenant used, by day, model, key and class."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
from fastapi import APIRouter
from msgspec import UNSET, Struct, UnsetType, field
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.openapi import examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import FROM_DAY, GROUP_BY, TO_DAY
from penstock.answers.objects import Count
from penstock.broker import ledger
from penstock.errors import InvalidRequestError
from penstock.job import State
from penstock.usage import Dimension, Usage, merged, report, usage_of

if TYPE_CHECKING:
    from penstock.broker.client import Broker

#: Days without `from`: today and those before it.
_DEFAULT_DAYS = 30
_MOST_DAYS = 366
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")
_ENDS = tuple(state.value for state in State if state.terminal)

router = APIRouter(prefix="/v1/usage")


class UsageRow(Struct, kw_only=True, omit_defaults=True):
    """One group: the dimensions that were asked for, and what ended in it."""

    day: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    job_class: str | UnsetType = field(default=UNSET, name="class")
    jobs: Count
    completed: Count
    failed: Count
    cancelled: Count
    expired: Count
    dead_lettered: Count
    prompt_tokens: Count
    cached_tokens: Count
    completion_tokens: Count


class UsageReport(Struct, kw_only=True):
    """What the caller's tenant used."""

    object: Literal["list"]
    first: str = field(name="from")
    last: str = field(name="to")
    group_by: list[Dimension]
    data: list[UsageRow]


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="readUsage",
        tag=Tag.JOBS,
        summary="What was used",
        description="Jobs that ended on these days, and their tokens; each end counts exactly once, a moment after it.",
        parameters=(FROM_DAY, TO_DAY, GROUP_BY),
        replies=(
            Reply(
                description="A row per group.",
                media=(Media(schema=UsageReport, examples={"usage": Example("By model", examples.USAGE)}),),
            ),
        ),
        errors=QUEUE,
    )
)
async def usage(request: Request) -> Response:
    """Jobs that ended from the day `from` to the day `to` (both included, UTC), grouped by `group_by`."""
    context = Context.of(request)
    tenant = context.caller(request).tenant
    check_query(request)
    first, last = _days(request)
    group_by = _dimensions(request.query_params.get("group_by", ""))
    names = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    rows = report(await _usage_of(context, names), tenant, group_by)
    report_of = UsageReport(
        object="list",
        first=first.isoformat(),
        last=last.isoformat(),
        group_by=group_by,
        data=[_row(group_by, values, measures) for values, measures in rows],
    )
    return json_response(request, report_of)


async def _usage_of(context: Context, days: Sequence[str]) -> dict[str, Usage]:
    pools = await asyncio.gather(*(_of_pool(context.broker, pool, days) for pool in context.settings.pools))
    return {day: merged(of_pool[number] for of_pool in pools) for number, day in enumerate(days)}


async def _of_pool(broker: Broker, pool: str, days: Sequence[str]) -> list[Usage]:
    return [usage_of(stored) for stored in await broker.ask_many([ledger.usage(pool, day) for day in days])]


def _days(request: Request) -> tuple[date, date]:
    """The first and the last day. Raises InvalidRequestError."""
    today = datetime.now(UTC).date()
    last = _day(request, "to") or today
    first = _day(request, "from") or last - min(timedelta(days=_DEFAULT_DAYS - 1), last - date.min)
    if first > last:
        raise InvalidRequestError("from is a day after to.", param="from")
    if (last - first).days >= _MOST_DAYS:
        raise InvalidRequestError(f"from and to are more than {_MOST_DAYS} days apart.", param="from")
    return first, last


def _day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(f"{name} is no day: {text[:40]!r}; write it as 2026-12-31.", param=name) from None


def _dimensions(text: str) -> list[Dimension]:
    found = list[Dimension]()
    for name in filter(None, text.split(",")):
        try:
            found.append(Dimension(name))
        except ValueError:
            known = ", ".join(Dimension)
            raise InvalidRequestError(
                f"group_by: cannot group by {name[:40]!r}; give any of {known}.", param="group_by"
            ) from None
    return list(dict.fromkeys(found))


def _row(group_by: Sequence[Dimension], values: Sequence[str], measures: Mapping[str, int]) -> UsageRow:
    group = {one.value: value for one, value in zip(group_by, values, strict=True)}
    counted = {name: measures.get(name, 0) for name in ("jobs", *_ENDS, *_TOKENS)}
    return msgspec.convert(group | counted, UsageRow)
