"""What `penstock webhooks` asks of a server, and how it is shown."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from penstock.cli import table
from penstock.cli.columns import Column, Kind
from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable_json
from penstock.cli.remote.server import Server

_PATH = "/v1/webhooks"
_MOST_PER_PAGE = 100
COLUMNS = (
    Column("Webhook"),
    Column("State"),
    Column("Events", Kind.TEXT),
    Column("URL", Kind.TEXT),
    Column("Why", Kind.TEXT),
)
DELIVERY_COLUMNS = (
    Column("Delivery"),
    Column("Made", rank=1),
    Column("Event", rank=2),
    Column("State"),
    Column("Attempts", Kind.NUMBER, rank=3),
    Column("Last", Kind.TEXT),
)


def show_list(url: str, *, as_json: bool) -> int:
    """A row per subscription."""
    found = Server.named(url).get(_PATH)["data"]
    rows = [
        [
            one["id"],
            one["state"],
            ", ".join(one["events"] or ["all"]),
            one["url"] or "(URLs of jobs)",
            one["reason"] or "",
        ]
        for one in found
    ]
    return _show(COLUMNS, rows, found, as_json=as_json)


def create(url: str, to: str, events: Sequence[str], description: str | None) -> int:
    """Print the subscription with its secret."""
    asked = {"url": to, "events": list(events) or None, "description": description}
    body = {name: value for name, value in asked.items() if value is not None}
    print(printable_json(Server.named(url).ask("POST", _PATH, body=body), indent=2))
    return EXIT_OK


def rotate(url: str, webhook: str) -> int:
    """Print the subscription with its new secret."""
    print(printable_json(Server.named(url).ask("POST", f"{_one(webhook)}/rotate", body={}), indent=2))
    return EXIT_OK


def enable(url: str, webhook: str) -> int:
    """Enable one again."""
    Server.named(url).ask("POST", f"{_one(webhook)}/enable", body={})
    return EXIT_OK


def delete(url: str, webhook: str) -> int:
    """Delete one."""
    Server.named(url).ask("DELETE", _one(webhook))
    return EXIT_OK


def send_test(url: str, webhook: str) -> int:
    """Print the id of the delivery."""
    print(Server.named(url).ask("POST", f"{_one(webhook)}/test", body={})["id"])
    return EXIT_OK


def deliveries(url: str, wanted: Mapping[str, str | None], limit: int, *, as_json: bool) -> int:
    """A row per delivery, newest first."""

    def query(after: str | None) -> list[tuple[str, str]]:
        given = {**wanted, "limit": str(min(limit, _MOST_PER_PAGE)), "after": after}
        return [(name, value) for name, value in given.items() if value is not None]

    found = list(itertools.islice(Server.named(url).pages(f"{_PATH}/deliveries", query), limit))
    rows = [
        [one["id"], table.moment(one["created_at"]), one["type"], one["state"], str(one["attempt_count"]), _last(one)]
        for one in found
    ]
    return _show(DELIVERY_COLUMNS, rows, found, as_json=as_json)


def redeliver(url: str, delivery: str) -> int:
    """Have one delivered again."""
    Server.named(url).ask("POST", f"{_PATH}/deliveries/{quote(delivery, safe='')}/redeliver", body={})
    return EXIT_OK


def _one(webhook: str) -> str:
    return f"{_PATH}/{quote(webhook, safe='')}"


def _show(
    columns: Sequence[Column],
    rows: Sequence[Sequence[table.Value]],
    found: Sequence[Mapping[str, Any]],
    *,
    as_json: bool,
) -> int:
    if as_json:
        for one in found:
            print(printable_json(one))
    else:
        table.show(columns, rows)
    return EXIT_OK


def _last(delivery: Mapping[str, Any]) -> str:
    """What came of the last attempt."""
    if not delivery["attempts"]:
        return ""
    last = delivery["attempts"][-1]
    words = [last["outcome"], str(last["status"] or ""), last["error"] or ""]
    return " ".join(word for word in words if word)
