"""What a batch's object says of a run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.batches.batch import MOST_FAULTS, BatchStatus


def has_results(batch: Mapping[str, Any]) -> bool:
    """Whether a batch that has ended has anything to show."""
    return bool(batch["status"] != BatchStatus.FAILED and batch["request_counts"]["total"])


def unanswered(batch: Mapping[str, Any]) -> int:
    """How many of its requests have no answer."""
    counts = batch["request_counts"]
    unanswered: int = counts["total"] - counts["completed"]
    return unanswered


def failure(batch: Mapping[str, Any], file: str) -> str:
    """Why a batch has nothing to show: a line for each mistake in its input."""
    faults: Sequence[Mapping[str, Any]] = (batch["errors"] or {"data": []})["data"]
    if not faults:
        return f"Batch {batch['id']} is {batch['status']}: nothing was run."
    which = f"; the first {MOST_FAULTS} of them" if len(faults) >= MOST_FAULTS else ""
    return "\n".join([f"{file} has mistakes, and nothing was run{which}:", *_told(faults)])


def shortfall(batch_id: str, status: str, unanswered: int, output: str) -> str:
    """Why requests of a batch have no answer."""
    ends = {BatchStatus.CANCELLED: "was cancelled", BatchStatus.EXPIRED: "was not done in its completion window"}
    end = ends.get(BatchStatus(status))
    which = "1 request has" if unanswered == 1 else f"{unanswered} requests have"
    why = f"{which} no answer: {output} says why."
    return f"Batch {batch_id} {end}; {why}" if end else why


def _told(faults: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for fault in faults:
        where = "" if fault["line"] is None else f"line {fault['line']}: "
        yield f"  {where}{fault['code']}: {fault['message']}"
