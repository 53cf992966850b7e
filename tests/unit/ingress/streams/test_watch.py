from __future__ import annotations

from ingress.streams.watch import GRACE_S, LONGEST_PATIENCE_S
from penstock.job import State
from tests.unit.ingress.samples import watch


def test_silence_makes_us_ask_after_one_second_and_then_ever_less_often() -> None:
    it, asked = watch(), []
    for tick in range(200):
        now_s = tick / 10
        if it.is_due(now_s):
            it.asked(now_s)
            asked.append(now_s)

    assert asked == [1.0, 3.0, 7.0, 12.0, 17.0]
    assert asked[-1] - asked[-2] == LONGEST_PATIENCE_S


def test_hearing_something_makes_us_patient_for_a_second_again() -> None:
    it = watch()
    it.asked(1.0)
    assert it.heard(10.0, 1)
    assert not it.heard(10.5, 1)

    assert not it.is_due(10.9)
    assert it.is_due(11.0)


def test_a_waiting_job_is_given_up_after_its_deadline() -> None:
    it = watch()

    assert not it.is_hopeless(60.0 + GRACE_S)
    assert it.is_hopeless(60.1 + GRACE_S)


def test_a_running_job_is_given_up_after_its_run_timeout() -> None:
    it = watch()
    it.learned(50.0, State.RUNNING, 1)

    assert not it.is_queued
    assert not it.is_hopeless(650.0 + GRACE_S)
    assert it.is_hopeless(650.1 + GRACE_S)


def test_a_job_that_goes_from_worker_to_worker_is_not_given_up() -> None:
    it = watch()
    for fence in range(1, 20):
        it.learned(fence * 50.0, State.QUEUED, fence)
        assert not it.is_hopeless(fence * 50.0 + 49)


def test_a_missing_record_is_believed_the_third_time() -> None:
    it = watch()

    assert [it.missed() for _ in range(3)] == [False, False, True]


def test_a_job_is_given_up_by_what_it_was_promised() -> None:
    it = watch()
    it.promised(5_000, 0)

    assert not it.is_hopeless(5.0 + GRACE_S - 0.1)
    assert it.is_hopeless(5.0 + GRACE_S + 0.1)
