from __future__ import annotations

from workers.renewal import Renewal


def test_a_worker_that_was_fenced_registers_at_once() -> None:
    assert Renewal().pause_s(0.0) == 0.0


def test_epochs_that_end_as_they_begin_come_ever_slower() -> None:
    renewal = Renewal()
    pauses = [renewal.pause_s(0.01) for _ in range(10)]

    assert pauses == sorted(pauses)
    assert pauses[:3] == [0.0, 0.05, 0.1]
    assert pauses[-2:] == [5.0, 5.0]


def test_after_one_that_lasted_it_is_soon_again() -> None:
    renewal = Renewal()
    for _ in range(10):
        renewal.pause_s(0.01)

    assert renewal.pause_s(60.0) == 0.0
    assert renewal.pause_s(0.01) == 0.05
