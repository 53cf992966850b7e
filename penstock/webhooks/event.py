"""Events: what a receiver is told of, by which name, and in which words."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penstock.errors import by_name
from penstock.job import RESPONSE, RESPONSE_PREFIX, State

if TYPE_CHECKING:
    from penstock.ledger import Entry


class EventType(enum.StrEnum):
    """The names of events, as receivers know them."""

    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"
    JOB_DEAD_LETTERED = "job.dead_lettered"
    RESPONSE_COMPLETED = "response.completed"
    RESPONSE_INCOMPLETE = "response.incomplete"
    RESPONSE_FAILED = "response.failed"
    RESPONSE_CANCELLED = "response.cancelled"
    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"
    BATCH_EXPIRED = "batch.expired"
    BATCH_CANCELLED = "batch.cancelled"
    #: Asked for, to see whether a receiver works.
    TEST = "webhook.test"


_OF_RESPONSES = {
    State.COMPLETED: EventType.RESPONSE_COMPLETED,
    State.CANCELLED: EventType.RESPONSE_CANCELLED,
    State.FAILED: EventType.RESPONSE_FAILED,
    State.EXPIRED: EventType.RESPONSE_FAILED,
    State.DEAD_LETTERED: EventType.RESPONSE_FAILED,
}
#: Finish reasons that leave a response incomplete, as its own status has it.
_CUT_SHORT = frozenset({"length", "content_filter"})
#: What can be subscribed to.
SUBSCRIBABLE = tuple(event for event in EventType if event is not EventType.TEST)


class Event(Struct, frozen=True):
    """One thing that happened, told to any number of receivers in the same words."""

    #: The `webhook-id`: the same however often it is told.
    id: str
    type: EventType
    body: bytes


def event_type(entry: Entry) -> EventType:
    """The name of a job's end, as its client sees the job."""
    if entry.view != RESPONSE:
        return EventType(f"job.{entry.state}")
    if entry.state is State.COMPLETED and entry.outcome.finish_reason in _CUT_SHORT:
        return EventType.RESPONSE_INCOMPLETE
    return _OF_RESPONSES[entry.state]


def event_id(pool: str, entry_id: str) -> str:
    """The `webhook-id` of an entry of a pool's ledger.

    It has no dot, since dots part what is signed; no pool's name has a dash, so that no two pools become one.
    """
    return f"evt-{pool.replace('.', '-')}-{entry_id}"


def ended(pool: str, entry: Entry, metadata: Mapping[str, str] | None) -> Event:
    """The event of a job's end; what the job answered is read by GET."""
    kind = event_type(entry)
    failure = by_name(entry.outcome.error) if entry.outcome.error else None
    is_response = entry.view == RESPONSE
    shown_id = f"{RESPONSE_PREFIX}{entry.job}" if is_response else entry.job
    data = {
        "id": shown_id,
        "object": RESPONSE if is_response else "job",
        "state": entry.state,
        "model": entry.model,
        "class": entry.job_class,
        "created_at": entry.created_ms // 1000,
        "finished_at": entry.finished_ms // 1000,
        "metadata": metadata,
        "timings": {
            "queued_ms": _between(entry.created_ms, entry.assigned_ms or entry.finished_ms),
            "running_ms": _between(entry.started_ms, entry.finished_ms),
            "ttft_ms": _between(entry.created_ms, entry.first_token_ms),
            "total_ms": _between(entry.created_ms, entry.finished_ms),
        },
        "finish_reason": entry.outcome.finish_reason if entry.state is State.COMPLETED else None,
        "usage": {
            "prompt_tokens": entry.outcome.prompt_tokens,
            "cached_tokens": entry.outcome.cached_tokens,
            "completion_tokens": entry.outcome.completion_tokens,
        },
        "error": {"type": failure.type, "code": failure.code} if failure else None,
        "url": f"/v1/{'responses' if is_response else 'jobs'}/{shown_id}",
    }
    return Event(event_id(pool, entry.id), kind, event_body(kind, entry.finished_ms, data))


def test_event(subscription_id: str, now_ms: int) -> Event:
    """An event that nothing caused."""
    data = {"id": subscription_id, "object": "webhook"}
    return Event(f"evt-test-{secrets.token_hex(8)}", EventType.TEST, event_body(EventType.TEST, now_ms, data))


def event_body(kind: EventType, at_ms: int, data: Mapping[str, Any]) -> bytes:
    """The body of every event of that kind; `at_ms` is when it happened, Unix milliseconds."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"type": kind, "timestamp": moment, "data": data})


def _between(start_ms: int, end_ms: int) -> int | None:
    return end_ms - start_ms if start_ms and end_ms else None
