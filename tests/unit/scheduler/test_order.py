"""Who is next."""

from __future__ import annotations

from hypothesis import given

from scheduler.policy.facts import Lane
from scheduler.policy.order import in_order, lane_class
from tests.unit.scheduler.facts import lanes, waiting

_CLASSES = ("resume", "interactive", "standard", "batch")


def _lane(name: str, *times: int, has_more: bool = False) -> Lane:
    return Lane(name, [waiting(name, ms) for ms in times], has_more)


def _names(*some: Lane) -> list[str]:
    return [job.job for job in in_order(some)]


def test_a_higher_class_goes_first_however_long_a_lower_one_has_waited() -> None:
    assert _names(_lane("batch:a", 1), _lane("interactive:a", 9), _lane("resume", 8)) == [
        "resume/8-0",
        "interactive:a/9-0",
        "batch:a/1-0",
    ]


def test_within_a_class_who_has_waited_longest_goes_first() -> None:
    assert _names(_lane("standard:b", 2, 4), _lane("standard:a", 1, 3)) == [
        "standard:a/1-0",
        "standard:b/2-0",
        "standard:a/3-0",
        "standard:b/4-0",
    ]


def test_entries_of_one_millisecond_go_by_their_number() -> None:
    jobs = [waiting("standard:a", 5, sequence) for sequence in (9, 10)]
    assert in_order([Lane("standard:a", jobs, has_more=False)]) == jobs


def test_nothing_is_ordered_behind_a_lane_that_was_not_read_to_its_end() -> None:
    assert _names(_lane("standard:a", 1, 2, has_more=True), _lane("standard:b", 0, 3)) == [
        "standard:b/0-0",
        "standard:a/1-0",
        "standard:a/2-0",
    ]


def test_a_lane_of_an_unknown_class_is_served_last() -> None:
    assert _names(_lane("strange:a", 1), _lane("batch:a", 2)) == ["batch:a/2-0", "strange:a/1-0"]


@given(lanes())
def test_the_order_is_by_class_and_then_by_age(drawn: list[Lane]) -> None:
    ordered = in_order(drawn)
    keys = [(_CLASSES.index(lane_class(job.lane)), job.queued_ms) for job in ordered]
    assert keys == sorted(keys)


@given(lanes())
def test_each_lane_keeps_its_own_order_and_loses_nobody_before_the_cut(drawn: list[Lane]) -> None:
    ordered = in_order(drawn)
    for lane in drawn:
        served = [job for job in ordered if job.lane == lane.name]
        assert served == list(lane.heads[: len(served)])
    if not any(lane.has_more for lane in drawn):
        assert len(ordered) == sum(len(lane.heads) for lane in drawn)


@given(lanes())
def test_where_jobs_wait_somebody_is_next(drawn: list[Lane]) -> None:
    assert bool(in_order(drawn)) == any(lane.heads for lane in drawn)
