"""Who takes it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.policy.facts import Liveness, Waiting, WorkerFacts
from scheduler.policy.placement import Placement, PlacementReason, can_serve, place
from tests.unit.scheduler.facts import fleets, waiting, worker


def _jobs(count: int) -> list[Waiting]:
    return [waiting("standard:a", ms) for ms in range(count)]


def _where(placements: list[Placement]) -> list[str | None]:
    return [one.instance for one in placements]


def test_the_least_loaded_worker_takes_the_job() -> None:
    assert _where(place(_jobs(1), [worker("busy.1", held=2), worker("idle.1", held=1)])) == ["idle.1"]


def test_load_is_a_share_of_the_slots() -> None:
    workers = [worker("small.1", held=1, slots=2), worker("large.1", held=3, slots=10)]
    assert _where(place(_jobs(1), workers)) == ["large.1"]


def test_each_placement_counts_for_the_next() -> None:
    placed = _where(place(_jobs(4), [worker("a.1", held=1), worker("b.1")]))
    assert Counter(placed) == {"b.1": 3, "a.1": 1} or Counter(placed) == {"b.1": 2, "a.1": 2}


def test_without_a_ready_worker_the_first_job_waits_for_one() -> None:
    starting = replace(worker("w.1"), is_ready=False)
    assert place(_jobs(2), [starting]) == [Placement(_jobs(1)[0], None, PlacementReason.NO_WORKER)]


def test_where_all_are_full_the_next_job_waits_for_a_slot() -> None:
    placements = place(_jobs(3), [worker("w.1", held=3)])
    assert [one.reason for one in placements] == [PlacementReason.ASSIGNED, PlacementReason.NO_FREE_SLOT]


def test_a_worker_that_has_gone_quiet_is_given_nothing() -> None:
    workers = [worker("quiet.1", liveness=Liveness.SUSPECT), worker("w.1", held=3)]
    assert _where(place(_jobs(2), workers)) == ["w.1", None]


@given(fleets(), st.integers(0, 30))
@settings(deadline=None)
def test_nobody_is_given_more_than_its_slots_and_no_free_slot_is_left_while_jobs_wait(
    fleet: list[WorkerFacts], count: int
) -> None:
    placements = place(_jobs(count), fleet)
    taken = Counter(one.instance for one in placements if one.instance)
    serving = {one.instance: one for one in fleet if can_serve(one)}
    assert all(taken[instance] <= serving[instance].free for instance in taken)
    free = sum(one.free for one in serving.values())
    assert taken.total() == min(count, free)
    waits = [one for one in placements if one.instance is None]
    assert len(waits) == (1 if count > free else 0)
    assert all(one.reason is (PlacementReason.NO_FREE_SLOT if serving else PlacementReason.NO_WORKER) for one in waits)


@given(fleets(), st.integers(0, 30))
@settings(deadline=None)
def test_jobs_are_placed_in_their_order(fleet: list[WorkerFacts], count: int) -> None:
    jobs = _jobs(count)
    placements = place(jobs, fleet)
    assert [one.job for one in placements] == jobs[: len(placements)]
