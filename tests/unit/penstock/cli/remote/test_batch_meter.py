from __future__ import annotations

import pytest

from penstock.cli.remote.batch_meter import Counts, Meter, Pace
from penstock.cli.remote.batch_words import duration, progress


def counts(done: int, failed: int = 0, tokens: int = 0) -> Counts:
    return Counts(total=1000, completed=done - failed, failed=failed, tokens=tokens)


def test_counts_are_those_of_the_server() -> None:
    batch = {"request_counts": {"total": 10, "completed": 7, "failed": 2}, "usage": {"output_tokens": 70}}
    assert Counts.of(batch) == Counts(total=10, completed=7, failed=2, tokens=70)


def test_nothing_is_known_of_the_pace_at_first() -> None:
    assert Meter().add(5.0, counts(100)) == Pace()


def test_a_run_that_goes_on_has_the_pace_of_now_and_not_of_what_was_done_before() -> None:
    meter = Meter()
    meter.add(0.0, counts(900, tokens=9000))
    assert meter.add(10.0, counts(920, tokens=9400)) == Pace(2.0, 40.0, 40.0)


def test_a_pace_is_that_of_the_last_half_minute() -> None:
    meter = Meter()
    for second in range(100):
        meter.add(float(second), counts(second))
    for second in range(100, 131):
        pace = meter.add(float(second), counts(100 + 10 * (second - 100)))
    assert pace.lines_per_s == 10.0


def test_where_nothing_goes_on_no_end_is_foretold() -> None:
    meter = Meter()
    meter.add(0.0, counts(10))
    assert meter.add(10.0, counts(10)) == Pace(0.0, 0.0, None)


def test_a_line_says_all_that_is_known() -> None:
    assert progress(counts(0), Pace()) == "0/1000 lines"
    assert progress(counts(500, failed=3), Pace(2.04, 40.4, 250.0)) == (
        "500/1000 lines, 2.0 lines/s, 40 tokens/s, 3 failed, 4m left"
    )
    assert progress(counts(1000), Pace(2.0, 40.0, 0.0)) == "1000/1000 lines, 2.0 lines/s, 40 tokens/s"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0s"), (59.4, "59s"), (59.6, "1m"), (3599, "59m"), (3600, "1h00m"), (11_100, "3h05m")]
)
def test_durations_are_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said
