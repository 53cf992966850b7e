from __future__ import annotations

import pytest
from rich.progress import Progress

from penstock.cli.batch_run.display import Bar, Lines, Silence, display
from penstock.cli.remote.batch_meter import Counts


def counts(done: int) -> Counts:
    return Counts(total=100, completed=done, failed=0, tokens=0)


def test_where_nobody_watches_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, 1.0, 9.0, 11.0, 30.0, 31.0, 32.0])
    lines = Lines(now=lambda: next(seconds))
    for done in (0, 10, 20, 22, 22, 100, 100):
        lines.show(counts(done))

    assert capsys.readouterr().out.splitlines() == [
        "0/100 lines",
        "22/100 lines, 2.0 lines/s, 0 tokens/s, 39s left",
        "100/100 lines, 3.0 lines/s, 0 tokens/s",
    ]


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=True) as silence:
        silence.say("Uploading")
        silence.show(counts(1))
    assert isinstance(silence, Silence)
    assert capsys.readouterr().out == ""


def test_a_bar_says_what_is_done_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        bar.say("Batch [red]sim-1[/red]")
        bar.show(counts(10))
        bar.show(counts(100))
    said = capsys.readouterr().out
    assert "Batch [red]sim-1[/red]" in said
    assert "100/100" in said


def test_a_bar_begins_with_what_there_is_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    bar, drawn = Bar(), list[tuple[float, float | None]]()
    monkeypatch.setattr(Progress, "refresh", lambda self: drawn.extend((t.completed, t.total) for t in self.tasks))
    with bar:
        bar.show(Counts(total=5000, completed=0, failed=0, tokens=0))
    assert set(drawn) == {(0, 5000)}


def test_a_bar_whose_server_is_away_says_that_it_waits(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        bar.show(counts(10))
        bar.wait("No server answers.")
    said = capsys.readouterr().out
    assert "No server answers." in said
    assert "waiting" in said
    assert "lines/s" not in said
