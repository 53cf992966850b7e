"""`penstock usage`: what the caller's tenant used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.cli import table
from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable_json
from penstock.cli.remote.server import Server

_MEASURES = {
    "jobs": "Jobs",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "expired": "Expired",
    "dead_lettered": "Dead letters",
    "prompt_tokens": "Prompt tokens",
    "cached_tokens": "Cached",
    "completion_tokens": "Generated",
}


def show(url: str, first: str | None, last: str | None, group_by: str | None, *, as_json: bool) -> int:
    """A row per group."""
    asked = {"from": first, "to": last, "group_by": group_by}
    query = [(name, value) for name, value in asked.items() if value is not None]
    report = Server.named(url).get("/v1/usage", query)
    if as_json:
        for group in report["data"]:
            print(printable_json(group))
    else:
        dimensions = report["group_by"]
        table.show(headings(dimensions), [row(dimensions, group) for group in report["data"]])
    return EXIT_OK


def headings(dimensions: Sequence[str]) -> list[str]:
    """What the columns are called."""
    return [*(name.capitalize() for name in dimensions), *_MEASURES.values()]


def row(dimensions: Sequence[str], group: Mapping[str, Any]) -> list[str]:
    """One group."""
    return [str(group[name]) for name in (*dimensions, *_MEASURES)]
