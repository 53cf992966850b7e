"""What becomes of the overdue, and what a reconcile pass makes of a job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.job import State
from scheduler.policy.deadlines import Overdue, expiry_message, fate, overrun_message
from scheduler.policy.findings import Evidence, Finding, examine

states = st.sampled_from(State) | st.none()


@given(states, st.integers(0, 1_000))
def test_an_overdue_job_ends_by_where_it_is(state: State | None, deadline_ms: int) -> None:
    expected = Overdue.STOP
    if state is None or state.terminal:
        expected = Overdue.UNLIST
    elif state is State.QUEUED:
        expected = Overdue.EXPIRE
    assert fate(state, deadline_ms, now_ms=1_000) is expected


@given(states, st.integers(1_001) | st.none())
def test_a_job_that_is_overdue_no_more_is_left(state: State | None, deadline_ms: int | None) -> None:
    expected = Overdue.UNLIST if state is None or state.terminal else Overdue.LEAVE
    assert fate(state, deadline_ms, now_ms=1_000) is expected


def test_messages_say_how_long() -> None:
    assert "within 60 s" in expiry_message(59_999)
    assert "within 0.2 s" in expiry_message(201)
    assert "the 600 s that" in overrun_message(600_000)


@pytest.mark.parametrize(
    ("evidence", "finding"),
    [
        (Evidence(None, is_in_lane=False, is_in_inbox=False), Finding.ENDED),
        (Evidence(State.COMPLETED, is_in_lane=True, is_in_inbox=True), Finding.ENDED),
        (Evidence(State.QUEUED, is_in_lane=True, is_in_inbox=False), None),
        (Evidence(State.QUEUED, is_in_lane=False, is_in_inbox=True), Finding.NOT_IN_LANE),
        (Evidence(State.ASSIGNED, is_in_lane=False, is_in_inbox=True), None),
        (Evidence(State.RUNNING, is_in_lane=True, is_in_inbox=False), Finding.NOT_IN_INBOX),
    ],
)
def test_a_record_and_its_stream_agree_or_not(evidence: Evidence, finding: Finding | None) -> None:
    assert examine(evidence) is finding


@given(state=states, in_lane=st.booleans(), in_inbox=st.booleans())
def test_a_job_is_in_order_only_where_its_own_stream_has_it(
    *, state: State | None, in_lane: bool, in_inbox: bool
) -> None:
    finding = examine(Evidence(state, is_in_lane=in_lane, is_in_inbox=in_inbox))
    in_order = state is not None and not state.terminal and (in_lane if state is State.QUEUED else in_inbox)
    assert (finding is None) == in_order
