"""What the API tells, as rows: made of the types that it is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console

from ingress.openapi import examples
from ingress.openapi.batch_examples import BATCH
from ingress.openapi.operation import SERVED
from penstock.cli import table
from penstock.cli.remote import usage
from penstock.cli.remote.jobs import Wanted, row, state_of
from penstock.cli.remote.open_batches import BatchRows
from penstock.cli.remote.pools import WORKER_COLUMNS, classes_of, pool_columns, pool_row, worker_rows
from penstock.cli.remote.top import screen

POOLS: list[Any] = examples.POOLS["data"]


def test_a_job_is_a_row() -> None:
    assert row(examples.JOB_LIST["data"][0])[1:4] == ("completed", "batch", SERVED)
    assert row(examples.JOB_LIST["data"][0])[4:] == (
        datetime(2026, 11, 26, 7, 47, 57, tzinfo=UTC),
        "4.4 s",
        "ticket=4711",
    )


def test_a_job_that_has_not_ended_took_no_time_yet() -> None:
    job = examples.JOB_LIST["data"][0]
    assert row({**job, "timings": {**job["timings"], "total_ms": None}})[5] == ""


@pytest.mark.parametrize(
    ("state", "cancel_requested", "said"),
    [("running", True, "being cancelled"), ("cancelled", True, "cancelled"), ("completed", False, "completed")],
)
def test_a_job_whose_worker_has_yet_to_end_it_is_being_cancelled(
    state: str, said: str, *, cancel_requested: bool
) -> None:
    assert state_of({**examples.JOB, "state": state, "cancel_requested": cancel_requested}) == said


def test_a_list_asks_for_no_more_than_it_shows_and_no_more_than_there_is_in_a_page() -> None:
    nothing = Wanted(
        state=None, model=None, job_class=None, created_after=None, created_before=None, metadata={}, limit=20
    )
    everything = msgspec.structs.replace(nothing, limit=None, metadata={"a": "1"}, job_class="batch", state="queued")

    assert nothing.query(None) == [("limit", "20")]
    assert msgspec.structs.replace(nothing, limit=5000).query("sim-1") == [("limit", "100"), ("after", "sim-1")]
    assert dict(everything.query(None)) == {"state": "queued", "class": "batch", "metadata[a]": "1", "limit": "100"}


def test_usage_is_a_row_per_group() -> None:
    report = examples.USAGE
    assert [column.heading for column in usage.columns(report["group_by"])][:3] == ["Model", "Jobs", "Completed"]
    assert usage.row(report["group_by"], report["data"][0])[:3] == [SERVED, "120", "118"]
    assert len(usage.columns(["day"])) == len(usage.row(["model"], report["data"][0]))


def test_a_pool_is_a_row_with_what_waits_by_class() -> None:
    classes = classes_of(POOLS)
    assert [column.heading for column in pool_columns(classes)][:6] == [
        "Pool",
        "Serves",
        "Resumed",
        "Interactive",
        "Standard",
        "Batch",
    ]
    assert pool_row(POOLS[0], classes) == ("demo", "yes", "0", "3", "0", "840", "412.5", "3.90", "")
    assert pool_row({**POOLS[0], "serves": False, "failing": "no workers"}, classes)[-1] == "no workers"


def test_a_worker_is_a_row_with_its_load() -> None:
    assert worker_rows(POOLS) == [("demo", "demo-0", "ready", "8/8", "412.5", "31%", "vllm", "")]
    assert len(WORKER_COLUMNS) == 8


def test_a_screen_shows_both_and_says_what_is_wrong() -> None:
    console = Console(file=StringIO(), width=140)
    console.print(screen([{**POOLS[0], "troubles": ["\x1b[2J"]}], [], "No server answers.", 140))
    shown = console.file.getvalue()  # type: ignore[attr-defined]

    assert all(text in shown for text in ("840", "8/8", "No server answers.", "\\x1b[2J"))
    assert "\x1b" not in shown
    assert "Requests" not in shown


def batch(done: int, **fields: Any) -> dict[str, Any]:
    counts = {"total": 1000, "completed": done - 1, "failed": 1}
    return {**BATCH, "id": "batch_sim-1", "status": "in_progress", "request_counts": counts, **fields}


def test_a_batch_is_a_row_with_its_rate_as_soon_as_that_is_known() -> None:
    moments = iter((0.0, 10.0))
    rows = BatchRows(lambda: next(moments))

    assert rows.rows([batch(100, model=None)]) == [("batch_sim-1", "in_progress", "100/1000", "1", "", "", "")]
    assert rows.rows([batch(200, model="sim")]) == [
        ("batch_sim-1", "in_progress", "200/1000", "1", "10.0", "1m", "sim")
    ]


def test_a_batch_that_was_gone_for_a_while_has_no_rate() -> None:
    moments = iter((0.0, 10.0))
    rows = BatchRows(lambda: next(moments))
    rows.rows([batch(100)])
    rows.rows([])

    assert rows.rows([batch(200)])[0][4:6] == ("", "")


def test_a_screen_shows_batches_where_there_are_any() -> None:
    console = Console(file=StringIO(), width=140)
    console.print(screen(POOLS, BatchRows().rows([batch(100)]), "", 140))
    shown = console.file.getvalue()  # type: ignore[attr-defined]

    assert all(text in shown for text in ("Requests", "batch_sim-1", "in_progress", "100/1000"))


def test_no_pools_and_no_workers_are_empty_tables(capsys: pytest.CaptureFixture[str]) -> None:
    table.show(pool_columns([]), [])
    table.show(WORKER_COLUMNS, worker_rows([]))

    assert capsys.readouterr().out == ""
