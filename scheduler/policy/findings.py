"""What a reconcile pass makes of one job."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from penstock.job import State


class Finding(enum.StrEnum):
    """A disagreement between a job's record and the streams."""

    #: Listed as live, and has ended or has no record.
    ENDED = "ended"
    #: Waits, and its lane has no entry of it.
    NOT_IN_LANE = "not_in_lane"
    #: Is held by an instance that has no entry of it.
    NOT_IN_INBOX = "not_in_inbox"
    #: An inbox entry of a job that is not held there.
    STALE_INBOX_ENTRY = "stale_inbox_entry"
    #: A lane entry of a job that does not wait there.
    STALE_LANE_ENTRY = "stale_lane_entry"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A job's state, None where its record is gone, and whether the stream it points to has it."""

    state: State | None
    is_in_lane: bool
    is_in_inbox: bool


def examine(evidence: Evidence) -> Finding | None:
    """What is wrong with a job, if anything."""
    state = evidence.state
    if state is None or state.terminal:
        return Finding.ENDED
    if state is State.QUEUED:
        return None if evidence.is_in_lane else Finding.NOT_IN_LANE
    return None if evidence.is_in_inbox else Finding.NOT_IN_INBOX
