from __future__ import annotations

from penstock.answers.pool_object import Waiting, queue_of, unknown_pool


def test_lanes_are_added_up_by_class_over_all_tenants() -> None:
    counts = {"resume": 1, "batch:a": 2, "batch:b": 3, "interactive:a": 4}
    sizes = {"resume": 10, "batch:a": 20, "batch:b": 30}
    assert queue_of(counts, sizes) == {
        "resumed": Waiting(1, 10),
        "interactive": Waiting(4, 0),
        "standard": Waiting(0, 0),
        "batch": Waiting(5, 50),
    }


def test_a_lane_of_a_class_that_nobody_knows_is_shown_all_the_same() -> None:
    assert queue_of({"other:a": 2}, {})["other"] == Waiting(2, 0)


def test_of_a_pool_that_cannot_be_looked_at_the_reason_is_shown() -> None:
    pool = unknown_pool("sim", ["sim"], "Redis is out of reach")
    assert (pool.serves, pool.failing, pool.free_slots) == (False, "Redis is out of reach", 0)
