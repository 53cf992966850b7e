"""The job's record and its table of transitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.frames import End, Generated, Result, encode_generated, encode_result
from penstock.job import (
    RESUME_LANE,
    TRANSITIONS,
    Job,
    NewJob,
    State,
    idempotent_job_id,
    lane_name,
    new_job_id,
    pool_of,
    sources,
)
from penstock.job_class import JobClass
from penstock.request import Api

POOLS = st.from_regex(r"[a-z0-9][a-z0-9._]{0,20}", fullmatch=True)


def _new_job(**changes: object) -> NewJob:
    fields: dict[str, object] = {
        "id": "sim-0123456789abcdef01234567",
        "api": Api.CHAT,
        "body": b'{"model": "sim"}',
        "is_engine_written": False,
        "model": "sim",
        "job_class": JobClass.STANDARD,
        "tenant": "acme",
        "queue_timeout_ms": 60_000,
        "run_timeout_ms": 600_000,
        "result_ttl_ms": 3_600_000,
    }
    return NewJob(**{**fields, **changes})  # type: ignore[arg-type]


def _record(**changes: bytes) -> dict[bytes, bytes]:
    record = {
        b"state": b"queued",
        b"api": b"chat",
        b"body": b"{}",
        b"model": b"sim",
        b"class": b"standard",
        b"tenant": b"acme",
        b"fence": b"0",
        b"losses": b"0",
        b"created_ms": b"1700000000000",
        b"deadline_ms": b"1700000060000",
        b"result_ttl_ms": b"5000",
        b"run_timeout_ms": b"6000",
    }
    return record | {name.encode(): value for name, value in changes.items()}


def test_every_state_has_a_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)


def test_five_states_are_terminal() -> None:
    assert {state for state in State if state.terminal} == {
        State.COMPLETED,
        State.FAILED,
        State.CANCELLED,
        State.EXPIRED,
        State.DEAD_LETTERED,
    }


def test_a_terminal_state_can_be_reached_from_every_other() -> None:
    for state in State:
        reached, frontier = {state}, [state]
        while frontier:
            new = TRANSITIONS[frontier.pop()] - reached
            reached |= new
            frontier += new
        assert any(one.terminal for one in reached)


def test_only_a_waiting_job_expires() -> None:
    assert sources(State.EXPIRED) == ",queued,"


def test_a_lost_job_goes_back_to_the_queue() -> None:
    assert sources(State.QUEUED) == ",assigned,running,"


@pytest.mark.parametrize("target", list(State))
def test_the_scripts_are_told_the_sources_in_commas(target: State) -> None:
    named = sources(target).strip(",").split(",")
    assert {State(one) for one in named if one} == {state for state in State if target in TRANSITIONS[state]}


@given(POOLS)
def test_an_id_names_its_pool(pool: str) -> None:
    assert pool_of(new_job_id(pool)) == pool


@given(POOLS, st.text(), st.text())
def test_the_same_key_of_a_tenant_is_the_same_job(pool: str, tenant: str, key: str) -> None:
    assert idempotent_job_id(pool, tenant, key) == idempotent_job_id(pool, tenant, key)
    assert pool_of(idempotent_job_id(pool, tenant, key)) == pool


def test_tenants_do_not_share_keys() -> None:
    assert idempotent_job_id("sim", "acme", "key") != idempotent_job_id("sim", "zenith", "key")


def test_ids_differ() -> None:
    assert len({new_job_id("sim") for _ in range(1000)}) == 1000


def test_a_new_job_waits_in_the_lane_of_its_class_and_tenant() -> None:
    assert _new_job().lane == lane_name(JobClass.STANDARD, "acme") == "standard:acme"


def test_a_job_that_has_tokens_already_waits_with_the_resumed() -> None:
    assert _new_job(prefix=encode_generated(Generated([1], ["a"]))).lane == RESUME_LANE


def test_another_body_has_another_digest() -> None:
    assert _new_job(body=b"{}").digest != _new_job(body=b"{ }").digest


def test_a_waiting_record_is_read() -> None:
    job = Job.from_record("sim-1", _record(lane=b"standard:acme", entry=b"1-0", listeners=b"s:a,f:b"))
    assert job.state is State.QUEUED
    assert (job.lane, job.entry, job.listeners) == ("standard:acme", "1-0", "s:a,f:b")
    assert (job.created_ms, job.deadline_ms) == (1_700_000_000_000, 1_700_000_060_000)
    assert (job.worker, job.assigned_ms, job.finished_ms, job.cancel_requested) == ("", 0, 0, False)
    assert job.prefix == Generated([], [])
    assert job.result is None


def test_a_finished_record_carries_its_result() -> None:
    result = Result(End("completed", "stop", completion_tokens=1), Generated([5], ["hi"]))
    job = Job.from_record("sim-1", _record(state=b"completed", result=encode_result(result), cancel=b"1"))
    assert job.result == result
    assert job.cancel_requested


def test_half_a_record_is_no_job() -> None:
    with pytest.raises(KeyError):
        Job.from_record("sim-1", {b"cancel": b"1"})


def test_a_request_that_was_translated_is_what_a_retry_is_told_by_and_counts_for_its_lane() -> None:
    one, other = (_new_job(request=request) for request in (b'{"input": "x"}', b'{"input": "y"}'))

    assert one.digest != other.digest
    assert one.size_bytes == len(one.body) + len(one.request)
    assert _new_job().size_bytes == len(_new_job().body)
