"""How long a worker that fails waits, and what its next process is told."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from workers.history import Cause, Ended, History

CRASH = Ended(cause=Cause.CRASH, why="killed", served_s=0.0)

ends = st.builds(Ended, cause=st.none() | st.sampled_from(Cause), why=st.just("why"), served_s=st.floats(0.0, 60.0))


def test_the_first_failure_costs_no_time_and_the_next_ones_more_and_more() -> None:
    history = History()
    pauses = []
    for _ in range(12):
        pauses.append(history.pause_s)
        history = history.after(CRASH)
    assert pauses[:5] == [0.0, 0.0, 0.5, 1.0, 2.0]
    assert pauses == sorted(pauses)
    assert max(pauses) == 30.0


def test_a_pause_that_the_host_has_kept_is_not_kept_again() -> None:
    history = History(failures=7, why="old")
    told = replace(history, has_paused=True)
    assert (told.pause_s, told.after(CRASH).pause_s) == (0.0, replace(history, failures=8).pause_s)


def test_a_process_that_served_for_a_while_begins_a_new_story() -> None:
    history = History(failures=7, why="old")
    served = history.after(Ended(cause=Cause.ENGINE_DEATH, why="new", served_s=60.0))
    assert (served.failures, served.why) == (1, "new")


def test_an_end_that_was_asked_for_is_no_failure() -> None:
    history = History(failures=3, why="old").after(Ended(cause=None, why="", served_s=1.0))
    assert (history.failures, history.why, history.pause_s) == (0, "", 0.0)


@given(st.lists(ends, max_size=30))
def test_totals_only_grow_and_pauses_stay_bounded(story: list[Ended]) -> None:
    history = History()
    for ended in story:
        after = history.after(ended)
        assert after.engine_start_failures >= history.engine_start_failures
        assert after.engine_deaths >= history.engine_deaths
        assert 0.0 <= after.pause_s <= 30.0
        history = after
    assert history.engine_deaths == sum(ended.cause is Cause.ENGINE_DEATH for ended in story)
