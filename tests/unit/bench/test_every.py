"""The run of all benches: whatever one of them does, each has its row, and the page keeps everything else."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import __main__ as command
from bench.harness.catalogue import Bench
from bench.harness.every import LIMIT_S, outcome
from bench.harness.headline import Bound, Headline, judged
from bench.harness.machine import machine
from bench.harness.table import BEGIN, END, Outcome, table, with_table

BENCH = Bench("one", "What it shows.", Headline("ratio", Bound.AT_MOST, 2.5))

text = st.text().filter(lambda text: BEGIN not in text and END not in text)


def ran(program: str, limit_s: float = LIMIT_S) -> Outcome:
    return outcome(BENCH, [sys.executable, "-c", program], limit_s)


def printing(value: float, status: int, *flaws: str) -> str:
    line = json.dumps(judged("one", BENCH.headline, {"ratio": value}, flaws))
    return f"import sys\nprint('on the way')\nprint({line!r})\nsys.exit({status})"


def cells(one: Outcome) -> list[str]:
    return [cell.strip() for cell in one.row.strip("|").split("|")][:-1]


def test_a_bench_that_meets_its_aim_has_a_row_with_its_figure() -> None:
    one = ran(printing(1.25, 0))
    assert one.is_ok
    assert cells(one) == ["`one`", "What it shows.", "`ratio`", "1.25", "at most 2.5", "yes"]


def test_a_bench_that_misses_its_aim_says_so() -> None:
    one = ran(printing(2.51, 1))
    assert not one.is_ok
    assert cells(one)[3:] == ["2.51", "at most 2.5", "no"]


def test_a_bench_in_which_something_went_wrong_says_what() -> None:
    one = ran(printing(1.25, 1, "2 streams were changed", "1 worker was lost"))
    assert not one.is_ok
    assert cells(one)[3:] == ["1.25; 2 streams were changed; 1 worker was lost", "at most 2.5", "no"]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("raise SystemExit(3)", "exit status 3"),
        ("1 / 0", "exit status 1"),
        ("print('{}')", "exit status 0"),
        ("print('no JSON')", "exit status 0"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "exit status -9"),
        (printing(1.25, 4), "exit status 4"),
        (printing(1.25, 1), "exit status 1"),
    ],
)
def test_a_bench_that_fails_has_a_row_too(program: str, why: str) -> None:
    one = ran(program)
    assert not one.is_ok
    assert cells(one)[3:] == [why, "at most 2.5", "failed"]


def test_a_bench_that_hangs_is_interrupted() -> None:
    # The tests may be a shell's background job, which ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        one = ran("import signal\nsignal.pause()", limit_s=0.5)
    finally:
        signal.signal(signal.SIGINT, before)
    assert cells(one)[3:] == ["no end after 0 s", "at most 2.5", "failed"]


@given(before=text, between=text, after=text, table=text)
def test_nothing_but_the_table_is_replaced(before: str, between: str, after: str, table: str) -> None:
    page = with_table(f"{before}{BEGIN}{between}{END}{after}", table)
    assert page == f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"
    assert with_table(page, table) == page


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{END}\n{BEGIN}\n{END}"])
def test_a_page_without_a_place_for_the_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page needs one line"):
        with_table(page, "table")


def test_the_page_has_a_place_for_the_table() -> None:
    assert with_table(command.PAGE.read_text(), "table").count("table") >= 1


@pytest.mark.parametrize(("fails", "status"), [(False, 0), (True, 1)])
def test_the_table_of_all_is_written_whatever_becomes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: object, status: int
) -> None:
    def outcomes(benches: Iterable[Bench]) -> Iterator[Outcome]:
        for number, one in enumerate(benches):
            result = None if fails and number == 1 else {"value": 1.5, "ok": True}
            yield Outcome(one, result, "exit status 2", 12.3)

    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\n{END}\n\nAfter.\n")
    monkeypatch.setattr(sys, "argv", ["bench", "--all"])
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "outcomes", outcomes)
    assert command.main() == status
    said = page.read_text()
    assert said.startswith(f"# Before\n\n{BEGIN}\n\nOn {machine()}:\n\n| bench |")
    assert said.endswith(f" 12 s |\n\n{END}\n\nAfter.\n")
    assert said.count("| exit status 2 |") == status
    assert "On " in capsys.readouterr().out


def test_a_table_names_neither_host_nor_path() -> None:
    said = table(machine(), [ran("1 / 0")])
    assert "/" not in said
    assert "cores, Python 3." in said
