"""What becomes of a job whose deadline has passed."""

from __future__ import annotations

import enum

from penstock.job import State


class Overdue(enum.StrEnum):
    """The fate of an overdue job."""

    #: It waited too long for a worker.
    EXPIRE = "expire"
    #: It ran too long.
    STOP = "stop"
    #: It should not be among the live ones at all.
    UNLIST = "unlist"
    #: It went on since it was found overdue, and has a later deadline.
    LEAVE = "leave"


def fate(state: State | None, deadline_ms: int | None, now_ms: int) -> Overdue:
    """Decide by a job's state, None where its record is gone, and by its deadline, read after the state.

    Without the deadline, a job that was assigned just before the state was read would be one that has run too long.
    """
    if state is None or state.terminal:
        return Overdue.UNLIST
    if deadline_ms is None or deadline_ms > now_ms:
        return Overdue.LEAVE
    return Overdue.EXPIRE if state is State.QUEUED else Overdue.STOP


def expiry_message(waited_ms: int) -> str:
    """What the client of an expired job is told."""
    return f"No worker took the job within {round(waited_ms / 1000, 1):g} s; try again later."


def overrun_message(run_timeout_ms: int) -> str:
    """What the client of a job is told that ran too long."""
    return f"The job ran longer than the {run_timeout_ms / 1000:g} s that its pool allows."
