"""`penstock usage`: what the caller's tenant used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable_json
from penstock.cli.remote.server import Server

_MEASURES = {
    "jobs": Column("Jobs", Kind.NUMBER),
    "completed": Column("Completed", Kind.NUMBER, rank=4),
    "failed": Column("Failed", Kind.NUMBER),
    "cancelled": Column("Cancelled", Kind.NUMBER, rank=2, nothing="0"),
    "expired": Column("Expired", Kind.NUMBER, rank=3, nothing="0"),
    "dead_lettered": Column("Dead letters", Kind.NUMBER, rank=1, nothing="0"),
    "prompt_tokens": Column("Prompt tokens", Kind.NUMBER),
    "cached_tokens": Column("Cached", Kind.NUMBER, rank=5),
    "completion_tokens": Column("Generated", Kind.NUMBER),
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
        table.show(columns(dimensions), [row(dimensions, group) for group in report["data"]])
    return EXIT_OK


def columns(dimensions: Sequence[str]) -> list[Column]:
    """What was grouped by, and what was counted."""
    return [*(Column(name.capitalize(), Kind.TEXT) for name in dimensions), *_MEASURES.values()]


def row(dimensions: Sequence[str], group: Mapping[str, Any]) -> list[str]:
    """One group."""
    return [str(group[name]) for name in (*dimensions, *_MEASURES)]
