from __future__ import annotations

from ingress.intake.place import Place, place_of
from penstock.job import RESUME_LANE, NewJob
from penstock.job_class import JobClass
from penstock.request import Api

COUNTS = {RESUME_LANE: 1, "interactive:a": 2, "standard:a": 3, "batch:b": 4}
SIZES = {RESUME_LANE: 40, "interactive:a": 80, "standard:a": 120, "batch:b": 160}


def job(job_class: JobClass) -> NewJob:
    return NewJob(
        id="sim-1",
        api=Api.CHAT,
        body=b"{}",
        is_engine_written=False,
        model="sim",
        job_class=job_class,
        tenant="a",
        queue_timeout_ms=1000,
        run_timeout_ms=1000,
        result_ttl_ms=1000,
    )


def place(job_class: JobClass, *, drained_per_s: float = 0.0, free_slots: int = 0) -> Place:
    return place_of(job(job_class), COUNTS, SIZES, drained_per_s=drained_per_s, free_slots=free_slots)


def test_higher_classes_and_jobs_that_lost_their_worker_are_ahead() -> None:
    assert [place(one).jobs_ahead for one in JobClass] == [3, 6, 10]
    assert place(JobClass.STANDARD).tokens_ahead == 60


def test_the_start_is_unknown_while_nobody_knows_how_fast_the_pool_works() -> None:
    assert place(JobClass.BATCH).predicted_start_s is None


def test_the_start_follows_from_what_the_pool_ends_per_second() -> None:
    assert place(JobClass.BATCH, drained_per_s=4).predicted_start_s == 2.5


def test_a_job_for_which_a_slot_is_free_starts_now() -> None:
    assert place(JobClass.STANDARD, drained_per_s=0.01, free_slots=7).predicted_start_s == 0
    assert place(JobClass.STANDARD, drained_per_s=1, free_slots=6).predicted_start_s == 6
