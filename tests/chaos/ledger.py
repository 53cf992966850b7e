"""The ledger: what was asked, what was answered, and what was read."""

from __future__ import annotations

import enum
import math
import time
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.orders import Order


class Fate(enum.StrEnum):
    """What a client knows of its submits."""

    #: Nobody answered: the job may exist.
    UNKNOWN = "unknown"
    #: Each was refused: no job may exist.
    REFUSED = "refused"
    #: It has a job id: the job must exist, and end once.
    ACKNOWLEDGED = "acknowledged"


#: An ingress gives up a submit that Redis has not acknowledged by then (`ingress.submit_timeout_s`).
_LONGEST_SUBMIT_S = 2.0


@dataclass(frozen=True)
class Reading:
    """A text that a client took for its answer, or for the beginning of it."""

    source: str
    text: str
    #: The stream said that this was all.
    is_whole: bool
    read_s: float


@dataclass(frozen=True)
class Complaint:
    """Something that went wrong for good, in a client's eyes."""

    what: str
    #: When Redis acknowledged the write that must be gone for it to happen; None where no loss of one explains it.
    written_s: float | None = None


@dataclass(frozen=True)
class Ending:
    """A terminal state, as a poll saw it."""

    state: str
    seen_s: float


@dataclass
class Entry:
    """One order's page in the ledger."""

    order: Order
    kind: str
    #: The client waits for the whole answer, whatever it takes.
    insists: bool
    #: The job may have been ended on the client's behalf.
    may_be_cancelled: bool = False
    #: Attempts that nobody answered.
    unanswered: int = 0
    job: str | None = None
    #: When the last attempt to submit it began.
    submitted_s: float | None = None
    #: By when Redis had acknowledged the job, for the first time since it was last told that there is none.
    acknowledged_s: float | None = None
    readings: list[Reading] = field(default_factory=list)
    ends: list[Ending] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    #: Time and event, for whoever has to find out what happened.
    history: list[tuple[float, str]] = field(default_factory=list)

    @property
    def fate(self) -> Fate:
        """What is known of the submits of this order, all together."""
        if self.job is not None:
            return Fate.ACKNOWLEDGED
        return Fate.UNKNOWN if self.unanswered else Fate.REFUSED

    @property
    def is_served(self) -> bool:
        """Whether the client has the whole answer."""
        return self.served_s is not None

    @property
    def served_s(self) -> float | None:
        """When the client had the whole answer."""
        return min((reading.read_s for reading in self.readings if reading.is_whole), default=None)

    def note(self, event: str) -> None:
        """Write down what just happened."""
        self.history.append((time.monotonic(), event))

    def submit(self, url: str) -> None:
        """An attempt to submit it begins."""
        self.submitted_s = time.monotonic()
        self.note(f"submits to {url}")

    def acknowledge(self, job: str) -> None:
        """An ingress named the job."""
        if self.job not in (None, job):
            self.complain(f"two jobs for one order: {self.job} and {job}")
        self.job = job
        if self.acknowledged_s is None:
            # The client may hear of it much later: a stream's head waits for its first token.
            written_s = math.inf if self.submitted_s is None else self.submitted_s + _LONGEST_SUBMIT_S
            self.acknowledged_s = min(time.monotonic(), written_s)
        self.note(f"acknowledged as {job}")

    def disown(self, what: str) -> None:
        """An ingress knows of no such job, although it was acknowledged."""
        self.complain(f"acknowledged, and yet {what}", self.acknowledged_s)
        self.acknowledged_s = None

    def complain(self, what: str, written_s: float | None = None) -> None:
        """Keep what went wrong for the judge."""
        self.complaints.append(Complaint(what, written_s))

    def read(self, source: str, text: str, *, is_whole: bool) -> None:
        """Keep a text for the judge."""
        self.readings.append(Reading(source, text, is_whole, time.monotonic()))
        self.note(f"read {len(text)} of {len(self.order.text)} characters from {source}{', all' if is_whole else ''}")

    def polled(self, job: dict[str, Any]) -> bool:
        """Keep what a poll saw; returns whether the job has ended."""
        state = str(job["state"])
        has_ended = state not in ("queued", "assigned", "running")
        if has_ended:
            self.ends.append(Ending(state, time.monotonic()))
        self.note(f"is {state}, attempt {job['attempts']}")
        return has_ended


@dataclass
class Ledger:
    """All pages."""

    entries: list[Entry] = field(default_factory=list)

    def open(self, order: Order, kind: str, *, insists: bool, may_be_cancelled: bool) -> Entry:
        """A new page."""
        entry = Entry(order, kind, insists, may_be_cancelled)
        self.entries.append(entry)
        return entry

    def count(self, fate: Fate) -> int:
        """How many orders have this fate."""
        return sum(entry.fate is fate for entry in self.entries)
