"""A delivery: one event on its way to one receiver, with what came of each attempt."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from penstock.webhooks.event import Event, EventType


class DeliveryState(enum.StrEnum):
    """Where a delivery is in its life."""

    PENDING = "pending"
    DELIVERED = "delivered"
    #: No attempt of the schedule succeeded, or none may be made any more.
    FAILED = "failed"


class AttemptOutcome(enum.StrEnum):
    """What came of one attempt; a metric's label."""

    DELIVERED = "delivered"
    #: An answer other than 2xx.
    REFUSED = "refused"
    #: A 410: it wants nothing any more.
    GONE = "gone"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    #: Its address is none that a webhook may be sent to.
    FORBIDDEN = "forbidden"
    #: Its subscription is disabled or deleted, so that nothing was sent.
    UNWANTED = "unwanted"


#: What no further attempt will mend.
FINAL = frozenset({AttemptOutcome.DELIVERED, AttemptOutcome.GONE, AttemptOutcome.UNWANTED})


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt, as the log has it. Times are Unix milliseconds; 0 is `never`."""

    number: int
    at_ms: int
    outcome: AttemptOutcome
    #: The answer's status; 0 where there was none.
    status: int = 0
    #: In words, or the beginning of the answer's body.
    error: str = ""
    #: How long it took.
    took_ms: int = 0
    #: When the next one is due.
    next_ms: int = 0


class Destination(Struct, frozen=True, kw_only=True):
    """Whom an event is sent to."""

    url: str
    #: Whose secrets sign; FOR_JOBS for a job's own URL.
    subscription: str
    #: The secret that came with a job's own URL, "" where there was none.
    secret: str = ""


class NewDelivery(Struct, frozen=True):
    """A delivery to be recorded."""

    event: Event
    job: str
    destination: Destination

    @property
    def id(self) -> str:
        """The same for the same event and receiver: recorded twice, it is one."""
        return f"{self.event.id}-{self.destination.subscription}"


class Delivery(Struct, frozen=True, kw_only=True):
    """A delivery as it is kept. Times are Unix milliseconds; 0 is `never`."""

    id: str
    event: str
    type: EventType
    #: "" where it is about none.
    job: str
    destination: Destination
    body: bytes
    state: DeliveryState
    #: How many attempts there were, and how many of them before it was last asked for by hand.
    attempts: int
    attempts_before: int
    created_ms: int
    #: When the next attempt is due, while pending.
    next_ms: int
    ended_ms: int
    #: The newest ones, oldest first.
    log: Sequence[Attempt]

    @property
    def attempts_of_schedule(self) -> int:
        """How many attempts there were since its schedule began."""
        return self.attempts - self.attempts_before


_attempt = msgspec.json.Decoder(Attempt)
_ATTEMPT = b"attempt:"


def encode_attempt(attempt: Attempt) -> bytes:
    """As it is kept."""
    return msgspec.json.encode(attempt)


def read_delivery(delivery_id: str, record: Mapping[bytes, bytes]) -> Delivery:
    """Read a record. Raises KeyError, ValueError or msgspec.DecodeError for what is none."""

    def text(field: bytes) -> str:
        return record.get(field, b"").decode()

    def number(field: bytes) -> int:
        return int(record.get(field) or 0)

    log = [_attempt.decode(value) for name, value in record.items() if name.startswith(_ATTEMPT)]
    return Delivery(
        id=delivery_id,
        event=record[b"event"].decode(),
        type=EventType(record[b"type"].decode()),
        job=text(b"job"),
        destination=Destination(
            url=record[b"url"].decode(), subscription=text(b"subscription"), secret=text(b"secret")
        ),
        body=record[b"body"],
        state=DeliveryState(record[b"state"].decode()),
        attempts=number(b"attempts"),
        attempts_before=number(b"attempts_before"),
        created_ms=number(b"created_ms"),
        next_ms=number(b"next_ms"),
        ended_ms=number(b"ended_ms"),
        log=sorted(log, key=lambda attempt: attempt.number),
    )
