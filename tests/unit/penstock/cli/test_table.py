from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from ingress.openapi import batch_examples, examples
from penstock.cli import letters, table
from penstock.cli.columns import Column, Kind
from penstock.cli.remote import batch_display, files, jobs, pools, usage, webhooks

AT = datetime(2026, 11, 27, 2, 1, 57, tzinfo=UTC)
BATCH: Any = {
    **batch_examples.BATCH,
    "status": "in_progress",
    "model": "a-model-of-a-long-name-8b-instruct",
    "request_counts": {"total": 50_000, "completed": 49_999, "failed": 1},
    "metadata": {"ticket": "4711", "customer": "somebody"},
}
JOB: Any = {
    **examples.JOB_LIST["data"][0],
    "state": "dead_lettered",
    "class": "interactive",
    "timings": {"total_ms": 123_456_789},
}
FILE: Any = {
    "id": "file-886e8c3e9e728a4be67ffa85",
    "created_at": examples.CREATED_S,
    "expires_at": examples.CREATED_S + 86_400,
    "purpose": "batch_output",
    "bytes": 200_000_000,
    "filename": "batch_demo-886e8c3e9e728a4be67ffa85_output.jsonl",
}
GROUP: Any = {
    "day": "2026-11-27",
    "model": "demo",
    "class": "interactive",
    "key": "a-key",
    "jobs": 12_345,
    "completed": 12_340,
    "failed": 2,
    "cancelled": 1,
    "expired": 1,
    "dead_lettered": 1,
    "prompt_tokens": 347_215,
    "cached_tokens": 120_000,
    "completion_tokens": 1_234_567,
}
CLASSES = ["resumed", "interactive", "standard", "batch"]
#: Every list, with rows that are wide.
LISTS: dict[str, tuple[Sequence[Column], Sequence[Sequence[table.Value]]]] = {
    "batch": (batch_display.COLUMNS, [batch_display.row(BATCH)]),
    "jobs": (jobs.COLUMNS, [jobs.row(JOB)]),
    "files": (files.COLUMNS, [files.row(FILE)]),
    "usage": (usage.columns(["model", "class"]), [usage.row(["model", "class"], GROUP)]),
    "usage by day": (
        usage.columns(["day", "model", "key", "class"]),
        [usage.row(["day", "model", "key", "class"], GROUP)],
    ),
    "dead letters": (
        letters.COLUMNS,
        [
            (
                "demo-886e8c3e9e728a4be67ffa85",
                AT,
                "3 lost",
                "demo",
                "its worker was killed by the kernel (out of memory)",
            )
        ],
    ),
    "webhooks": (
        webhooks.COLUMNS,
        [("wh_5f0c1b7a9d3e8426", "enabled", "job.completed, job.failed", "https://example.com/a/long/path", "")],
    ),
    "deliveries": (
        webhooks.DELIVERY_COLUMNS,
        [("evt-demo-1795679277123-0-wh_5f0c1b7a9d3e8426", AT, "job.completed", "delivered", "1", "answered 200")],
    ),
    "pools": (pools.pool_columns(CLASSES), [pools.pool_row(examples.POOLS["data"][0], CLASSES)]),
    "workers": (pools.WORKER_COLUMNS, pools.worker_rows(examples.POOLS["data"])),
}


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def test_columns_are_aligned_and_nothing_follows_the_last_value() -> None:
    assert [*table.lines([("a", "long", "end"), ("longer", "b", "")])] == ["a       long  end", "longer  b"]


def test_no_rows_are_no_lines() -> None:
    assert [*table.lines([])] == []


def test_a_row_is_a_line_whatever_its_values_are(capsys: pytest.CaptureFixture[str]) -> None:
    table.show(
        (Column("Job"), Column("Why", Kind.TEXT)),
        [("sim-1", "first\nsecond \x1b[2J"), ("sim-20", "[bold]markup[/bold]")],
    )
    assert capsys.readouterr().out == "sim-1   first\\nsecond \\x1b[2J\nsim-20  [bold]markup[/bold]\n"


@pytest.mark.parametrize("name", LISTS)
def test_at_80_columns_only_text_is_broken(name: str) -> None:
    columns, rows = LISTS[name]
    shown = drawn(columns, rows, 80)
    heads, _, below = shown.partition("─\n")
    words = below.splitlines()[0].split()
    left_out = re.sub(r"\s+", " ", below.partition("No room for: ")[2]).partition(";")[0].split(", ")

    assert columns[0].heading in heads
    assert max(map(len, shown.splitlines())) <= 80
    for column, value in zip(columns, rows[0], strict=True):
        if column.kind is Kind.TEXT or column.heading in left_out or value == column.nothing:
            continue
        whole = value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value
        assert set(whole.split()) <= set(words), column


def test_what_has_no_room_is_named() -> None:
    shown = drawn(*LISTS["files"], 80)
    assert re.sub(r"\s+", " ", shown).endswith("No room for: Expires, Purpose; a wider terminal or --json shows all. ")
    assert "No room" not in drawn(*LISTS["files"], 150)


def test_a_column_with_nothing_in_it_is_left_out() -> None:
    columns = (Column("Job"), Column("Class"), Column("Lost", Kind.NUMBER, nothing="0"))
    assert drawn(columns, [("a", "", "0"), ("b", "", "0")], 80).split()[0] == "Job"
    assert "Class" not in drawn(columns, [("a", "", "0")], 80)
    assert "Lost" not in drawn(columns, [("a", "", "0")], 80)
    assert "Lost" in drawn(columns, [("a", "", "0"), ("b", "", "1")], 80)


def test_a_list_without_rows_has_its_headings() -> None:
    assert drawn(pools.WORKER_COLUMNS, [], 80).split()[:2] == ["Pool", "Worker"]


def test_a_time_is_local_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Somewhere-05:30")
    time.tzset()
    assert "2026-11-27 07:31" in drawn((Column("Made"),), [(AT,)], 80)


def test_a_time_is_short_on_a_terminal_and_exact_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.show((Column("Made"),), [(AT.replace(microsecond=5000),)])
    assert capsys.readouterr().out == "2026-11-27T02:01:57+00:00\n"
    assert "2026-11-27 02:01\n" in drawn((Column("Made"),), [(AT,)], 80)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert table.told(AT) == "2026-11-27 02:01"


def test_on_a_terminal_that_is_too_narrow_nothing_is_cut_off() -> None:
    columns = [Column(f"H{number}") for number in range(7)]
    lines = drawn(columns, [["demo-886e8c3e9e728a4be67ffa85", *["words"] * 6]], 40).splitlines()[2:]
    assert "".join(line[:6].strip() for line in lines).startswith("demo")
    assert sum(line.count("w") for line in lines) == 6


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[table.Value]], width: int) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(table.drawn(columns, rows, width))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]
