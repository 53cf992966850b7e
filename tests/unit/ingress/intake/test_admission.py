from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.intake.admission import (
    MAX_RETRY_AFTER_S,
    AdmissionReason,
    Admitted,
    LaneBounds,
    Refused,
    decide,
    may_run_anew,
    rate_limit_headers,
    retry_after_s,
)
from ingress.intake.drain import DrainRate
from penstock.broker.submission import Accepted, Exists, LaneFull
from penstock.errors import (
    ContextLengthError,
    EngineFailedError,
    IdempotencyConflictError,
    OverloadedError,
    QueueFullError,
    RunTimeoutError,
    WorkerLostError,
)
from penstock.frames import Failure
from penstock.job import NewJob, State
from penstock.job_class import JobClass
from penstock.request import Api

JOB = NewJob(
    id="sim-0",
    api=Api.CHAT,
    body=b"{}",
    is_engine_written=False,
    model="sim",
    job_class=JobClass.INTERACTIVE,
    tenant="acme",
    queue_timeout_ms=1,
    run_timeout_ms=1,
    result_ttl_ms=1,
)


def lane(*, drained_per_s: float = 0.0, queue_timeout_s: float = 60.0) -> LaneBounds:
    return LaneBounds(max_jobs=100, max_bytes=4000, queue_timeout_s=queue_timeout_s, drained_per_s=drained_per_s)


def test_a_new_job_is_admitted_with_the_time_of_its_acceptance() -> None:
    assert decide(Accepted(5), JOB, lane()) == Admitted(AdmissionReason.ACCEPTED, 5, JOB.fence)


def test_the_same_key_with_the_same_body_finds_its_job() -> None:
    assert decide(Exists(State.RUNNING, JOB.digest, 5, 2), JOB, lane()) == Admitted(AdmissionReason.KNOWN, 5, 2)


def test_the_same_key_with_another_body_is_a_conflict() -> None:
    decision = decide(Exists(State.RUNNING, "other", 5, 2), JOB, lane())

    assert isinstance(decision, Refused)
    assert (decision.reason, type(decision.error)) == (AdmissionReason.KEY_REUSED, IdempotencyConflictError)


@pytest.mark.parametrize(
    ("state", "error", "is_anew"),
    [
        (State.EXPIRED, OverloadedError, True),
        (State.FAILED, RunTimeoutError, True),
        (State.FAILED, WorkerLostError, True),
        (State.DEAD_LETTERED, WorkerLostError, True),
        (State.CANCELLED, None, True),
        (State.FAILED, ContextLengthError, False),
        (State.FAILED, EngineFailedError, False),
        (State.COMPLETED, None, False),
        (State.RUNNING, None, False),
    ],
)
def test_a_job_is_run_anew_where_its_end_says_that_a_retry_may_help(
    state: State,
    error: type[Exception] | None,
    is_anew: bool,  # noqa: FBT001
) -> None:
    ended = Exists(state, JOB.digest, 5, 2, Failure(error.__name__, "It failed.") if error else None)

    assert may_run_anew(ended, JOB) is is_anew
    assert not may_run_anew(Exists(state, "other", 5, 2, ended.failure), JOB)
    assert not may_run_anew(Accepted(5), JOB)


@pytest.mark.parametrize(("jobs", "size", "word"), [(100, 10, "100 requests"), (3, 4000, "4000 bytes")])
def test_a_full_lane_says_of_what_it_is_full_and_when_to_come_back(jobs: int, size: int, word: str) -> None:
    decision = decide(LaneFull(jobs, size), JOB, lane(drained_per_s=10.0))

    assert isinstance(decision, Refused)
    assert isinstance(decision.error, QueueFullError)
    assert word in decision.error.message
    assert decision.error.retry_after_s == max(1, jobs // 10)


@given(st.integers(0, 10**6), st.floats(0, 1e6), st.floats(0.001, 1e5))
def test_retry_after_is_within_what_clients_heed(jobs: int, rate: float, timeout_s: float) -> None:
    wait_s = retry_after_s(jobs, lane(drained_per_s=rate, queue_timeout_s=timeout_s))

    assert 1 <= wait_s <= MAX_RETRY_AFTER_S


def test_without_a_rate_the_lane_is_empty_when_its_jobs_expire() -> None:
    assert retry_after_s(100, lane(queue_timeout_s=30.0)) == 30


def test_limits_are_told_as_durations() -> None:
    headers = rate_limit_headers(lane(), 90)

    assert headers == {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m30s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m30s",
    }


def test_the_drain_rate_follows_a_steady_pace_and_fades() -> None:
    drain = DrainRate()
    for tenth in range(1000):
        drain.record(tenth / 10)

    assert drain.at(100.0) == pytest.approx(10.0, rel=0.05)
    assert drain.at(200.0) < 0.01
