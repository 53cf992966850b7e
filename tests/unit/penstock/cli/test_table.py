from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from penstock.cli import table


def test_columns_are_aligned_and_nothing_follows_the_last_value() -> None:
    assert [*table.lines([("a", "long", "end"), ("longer", "b", "")])] == ["a       long  end", "longer  b"]


def test_no_rows_are_no_lines() -> None:
    assert [*table.lines([])] == []


def test_a_row_is_a_line_whatever_its_values_are(capsys: pytest.CaptureFixture[str]) -> None:
    table.show(("Job", "Why"), [("sim-1", "first\nsecond \x1b[2J"), ("sim-20", "[bold]markup[/bold]")])
    assert capsys.readouterr().out == "sim-1   first\\nsecond \\x1b[2J\nsim-20  [bold]markup[/bold]\n"


@pytest.mark.parametrize(
    ("rows", "width"),
    [
        ([["evt-demo-1795679277123-0-wh_5f0c1b7a9d3e8426", *["a long text of many words"] * 5]], 80),
        ([["demo-886e8c3e9e728a4be67ffa85", *["a long text of many words"] * 6]], 80),
        ([["wh_5f0c1b7a9d3e8426", "enabled", "job.completed", "https://example.com/a/long/path", "no reason"]], 60),
    ],
)
def test_what_stands_first_is_in_one_piece_where_it_has_room(rows: list[list[str]], width: int) -> None:
    (row,) = rows
    assert row[0] in drawn(rows, width).replace("│", " ").split()


def test_on_a_terminal_that_is_too_narrow_nothing_is_cut_off() -> None:
    row = ["demo-886e8c3e9e728a4be67ffa85", *["words"] * 6]
    lines = drawn([row], 40).splitlines()[3:]
    assert "".join(line[:6].strip() for line in lines).startswith("demo")
    assert sum(line.count("w") for line in lines) == 6


def drawn(rows: list[list[str]], width: int) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(table.drawn([f"H{number}" for number, _ in enumerate(rows[0])], rows, width))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]
