from __future__ import annotations

import pytest

from penstock.batches.completion_window import WINDOWS, reason_to_refuse


@pytest.mark.parametrize(("window", "seconds"), [("24h", 86400), ("4h", 14400), ("1h", 3600)])
def test_a_window_is_as_long_as_its_name(window: str, seconds: int) -> None:
    assert WINDOWS[window] == seconds


def test_what_is_done_by_the_end_of_the_window_is_in_time() -> None:
    assert reason_to_refuse(lines=3000, ahead=600, jobs_per_s=1.0, window="1h") == ""


def test_one_more_line_is_not() -> None:
    why = reason_to_refuse(lines=3001, ahead=600, jobs_per_s=1.0, window="1h")
    assert why == (
        "At the measured rate of 1 jobs per second, 3001 lines behind 600 waiting jobs take 1.0 h, "
        "and completion_window is 1h."
    )


def test_where_nothing_was_measured_nothing_is_held_against_a_batch() -> None:
    assert reason_to_refuse(lines=50_000, ahead=10**9, jobs_per_s=0.0, window="1h") == ""
