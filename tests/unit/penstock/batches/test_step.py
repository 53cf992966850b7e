"""What a batch needs next, wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.batches.batch import TRANSITIONS, Batch, BatchStatus, batch_id, batch_sources, pool_of_batch
from penstock.batches.step import Step, next_step

IN_TIME_MS, LATE_MS = 1_000, 5_000


def batch(status: BatchStatus, **fields: int) -> Batch:
    record: dict[str, Any] = {"status": status, "expires_ms": 2_000, "total": 10, **fields}
    return Batch.from_record("batch_sim-1", {name.encode(): str(value).encode() for name, value in record.items()})


@pytest.mark.parametrize(
    ("status", "fields", "open_jobs", "now_ms", "step"),
    [
        (BatchStatus.VALIDATING, {}, 0, IN_TIME_MS, Step.VALIDATE),
        (BatchStatus.VALIDATING, {}, 0, LATE_MS, Step.EXPIRE),
        (BatchStatus.IN_PROGRESS, {}, 0, IN_TIME_MS, Step.RUN),
        (BatchStatus.IN_PROGRESS, {"expanded": 10}, 3, IN_TIME_MS, Step.RUN),
        (BatchStatus.IN_PROGRESS, {"expanded": 10}, 0, IN_TIME_MS, Step.FINALIZE),
        (BatchStatus.IN_PROGRESS, {"expanded": 5}, 3, LATE_MS, Step.END_JOBS),
        (BatchStatus.IN_PROGRESS, {"expanded": 5}, 0, LATE_MS, Step.WRITE_REST),
        (BatchStatus.IN_PROGRESS, {"expanded": 10}, 0, LATE_MS, Step.FINALIZE),
        (BatchStatus.CANCELLING, {"expanded": 5}, 3, IN_TIME_MS, Step.END_JOBS),
        (BatchStatus.CANCELLING, {"expanded": 5}, 0, IN_TIME_MS, Step.WRITE_REST),
        (BatchStatus.CANCELLING, {"expanded": 10}, 0, IN_TIME_MS, Step.MAKE_FILES),
        (BatchStatus.CANCELLING, {"total": 0}, 0, IN_TIME_MS, Step.MAKE_FILES),
        (BatchStatus.FINALIZING, {"expanded": 10}, 0, LATE_MS, Step.MAKE_FILES),
        (BatchStatus.COMPLETED, {}, 0, LATE_MS, Step.SETTLE),
        (BatchStatus.FAILED, {}, 0, IN_TIME_MS, Step.SETTLE),
    ],
)
def test_each_status_has_its_step(
    status: BatchStatus, fields: dict[str, int], open_jobs: int, now_ms: int, step: Step
) -> None:
    assert next_step(batch(status, **fields), open_jobs=open_jobs, now_ms=now_ms) is step


def test_every_status_can_be_reached_and_only_ends_have_no_successor() -> None:
    reached = {BatchStatus.VALIDATING, *(target for targets in TRANSITIONS.values() for target in targets)}
    assert reached == set(BatchStatus)
    ends = {BatchStatus.FAILED, BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}
    assert {status for status in BatchStatus if status.terminal} == ends
    assert batch_sources(BatchStatus.CANCELLING) == ",validating,in_progress,"


@pytest.mark.parametrize("id_", ["sim-1", "batch_", "batch_sim", "job-1", ""])
def test_what_is_no_batch_names_no_pool(id_: str) -> None:
    assert pool_of_batch(id_) is None


def test_the_pool_is_read_from_the_id() -> None:
    assert pool_of_batch(batch_id("sim-0a1b")) == "sim"
