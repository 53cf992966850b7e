"""What a receiver is told."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from penstock.answers.responses.response import status_of
from penstock.frames import End
from penstock.job import RESPONSE, State
from penstock.ledger import Entry, Outcome
from penstock.webhooks import event as events
from penstock.webhooks.event import SUBSCRIBABLE, ended, event_id, event_type

ENTRY = Entry(
    id="1700000000123-4",
    job="sim-abc",
    fence=1,
    state=State.COMPLETED,
    tenant="acme",
    key="laptop",
    model="sim",
    job_class="standard",
    created_ms=1_700_000_000_000,
    assigned_ms=1_700_000_000_010,
    started_ms=1_700_000_000_020,
    first_token_ms=1_700_000_000_050,
    finished_ms=1_700_000_000_123,
    webhook="",
    outcome=Outcome("stop", 3, 1, 7, None),
)
ENDS = [state for state in State if state.terminal]


@pytest.mark.parametrize("state", ENDS)
def test_every_end_has_a_name_that_can_be_subscribed_to(state: State) -> None:
    assert event_type(replace(ENTRY, state=state)) in SUBSCRIBABLE


def test_what_is_told_of_an_end() -> None:
    event = ended("sim", ENTRY, {"ticket": "1"})
    told = json.loads(event.body)
    assert (told["type"], told["timestamp"]) == ("job.completed", "2023-11-14T22:13:20.123Z")
    data = told["data"]
    assert (data["id"], data["object"], data["state"], data["metadata"]) == (
        "sim-abc",
        "job",
        "completed",
        {"ticket": "1"},
    )
    assert data["usage"] == {"prompt_tokens": 3, "cached_tokens": 1, "completion_tokens": 7}
    assert (data["finish_reason"], data["error"], data["timings"]["total_ms"]) == ("stop", None, 123)
    assert "acme" not in event.body.decode()


def test_a_failure_says_which() -> None:
    failed = replace(ENTRY, state=State.FAILED, outcome=Outcome(error="RunTimeoutError"))
    data = json.loads(ended("sim", failed, None).body)["data"]
    assert data["error"] == {"type": "timeout", "code": "run_timeout"}
    assert data["finish_reason"] is None


@pytest.mark.parametrize(
    ("state", "finish_reason", "name"),
    [
        (State.COMPLETED, "stop", "response.completed"),
        (State.COMPLETED, "length", "response.incomplete"),
        (State.FAILED, None, "response.failed"),
        (State.EXPIRED, None, "response.failed"),
        (State.DEAD_LETTERED, None, "response.failed"),
        (State.CANCELLED, None, "response.cancelled"),
    ],
)
def test_a_response_is_told_of_as_one(state: State, finish_reason: str | None, name: str) -> None:
    entry = replace(ENTRY, view="response", state=state, outcome=Outcome(finish_reason))
    told = json.loads(ended("sim", entry, None).body)
    assert told["type"] == event_type(entry) == name
    assert event_type(entry) in SUBSCRIBABLE
    assert (told["data"]["id"], told["data"]["object"], told["data"]["url"]) == (
        "resp_sim-abc",
        "response",
        "/v1/responses/resp_sim-abc",
    )


def test_ids_are_stable_and_parted_by_no_dot() -> None:
    assert event_id("sim", ENTRY.id) == event_id("sim", ENTRY.id) == "evt-sim-1700000000123-4"
    assert "." not in event_id("a.b", ENTRY.id)
    assert event_id("a.b", ENTRY.id) != event_id("a_b", ENTRY.id)


def test_a_test_event_is_another_one_each_time() -> None:
    assert events.test_event("wh_1", 1).id != events.test_event("wh_1", 1).id


@pytest.mark.parametrize("finish_reason", ["stop", "length", "content_filter", "tool_calls"])
def test_an_event_of_a_response_says_what_the_response_says(finish_reason: str) -> None:
    entry = replace(ENTRY, view=RESPONSE, outcome=Outcome(finish_reason))
    assert event_type(entry) == f"response.{status_of(End(State.COMPLETED, finish_reason))}"
