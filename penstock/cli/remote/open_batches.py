"""Batches that have not ended, as rows: how far each is, how fast it goes, and when it will be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.batches.batch import BatchStatus
from penstock.cli.columns import Column, Kind
from penstock.cli.remote import batches
from penstock.cli.remote.batch_meter import Counts, Meter
from penstock.cli.remote.batch_words import duration

if TYPE_CHECKING:
    from penstock.cli.remote.server import Server

COLUMNS = (
    Column("Batch"),
    Column("Status"),
    Column("Requests", Kind.NUMBER),
    Column("Failed", Kind.NUMBER, nothing="0"),
    Column("Jobs/s", Kind.NUMBER, rank=1),
    Column("Left", Kind.NUMBER),
    Column("Model", Kind.TEXT, rank=2),
)
#: As many as the server gives at once.
_NEWEST = 100


def open_batches(server: Server) -> list[Any]:
    """Those of the newest batches that have not ended, newest first. Raises ServerError."""
    newest = server.get(batches.PATH, [("limit", str(_NEWEST))])["data"]
    return [batch for batch in newest if not BatchStatus(batch["status"]).terminal]


class BatchRows:
    """Remembers what it was shown, for the rates."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._meters = dict[str, Meter]()

    def rows(self, found: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
        """A row for each; without a rate where it was not seen before."""
        self._meters = {batch["id"]: self._meters.get(batch["id"]) or Meter() for batch in found}
        return [self._row(batch) for batch in found]

    def _row(self, batch: Mapping[str, Any]) -> tuple[str, ...]:
        counts = Counts.of(batch)
        pace = self._meters[batch["id"]].add(self._now(), counts)
        # One that is being cancelled ends at another pace.
        left_s = pace.left_s if batch["status"] == BatchStatus.IN_PROGRESS else None
        return (
            batch["id"],
            batch["status"],
            f"{counts.done}/{counts.total}",
            str(counts.failed),
            "" if pace.lines_per_s is None else f"{pace.lines_per_s:.1f}",
            "" if left_s is None else duration(left_s),
            batch["model"] or "",
        )
