"""Rounds follow each other at once while they are few, and at a bounded rate when they are many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scheduler.policy.pace import BURST, GAP_S, Pace


def test_a_round_after_a_quiet_time_is_followed_without_a_pause() -> None:
    pace = Pace().after_round(100.0)
    assert pace.pause_s == 0
    assert pace.after_round(100.0005).pause_s == 0


def test_rounds_without_end_are_slowed_down() -> None:
    pace = Pace()
    for _ in range(BURST + 1):
        pace = pace.after_round(0.0)
    assert round(pace.pause_s, 9) == GAP_S


@given(st.lists(st.floats(0, 0.01), min_size=1, max_size=200))
def test_whatever_comes_the_rate_is_bounded(waits_s: list[float]) -> None:
    """Each round is followed by its pause and then by a wait for work."""
    pace, now_s = Pace(), 0.0
    for wait_s in waits_s:
        pace = pace.after_round(now_s)
        now_s += pace.pause_s + wait_s
    assert len(waits_s) <= now_s / GAP_S + BURST + 1
