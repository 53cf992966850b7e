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


def fate(state: State | None) -> Overdue:
    """Decide by a job's state; None where its record is gone."""
    if state is None or state.terminal:
        return Overdue.UNLIST
    return Overdue.EXPIRE if state is State.QUEUED else Overdue.STOP


def expiry_message(waited_ms: int) -> str:
    """What the client of an expired job is told."""
    return f"No worker took the job within {round(waited_ms / 1000, 1):g} s; try again later."


def overrun_message(run_timeout_ms: int) -> str:
    """What the client of a job is told that ran too long."""
    return f"The job ran longer than the {run_timeout_ms / 1000:g} s that its pool allows."
