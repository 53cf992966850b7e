"""What a worker's loss means for the jobs it held."""

from __future__ import annotations

import enum
from collections.abc import Collection

#: What the leader says of an instance whose beat stood still.
SILENT_WHY = "silent for the length of its lease"
#: What register.lua says of an instance whose name was taken over.
SUPERSEDED_WHY = "another registered under its name"


class LossReason(enum.StrEnum):
    """How a worker was lost."""

    #: Its beat stood still.
    SILENT = "silent"
    #: Its host saw it die, or its pulse saw it hang.
    DIED = "died"
    #: A new registration under its name came first.
    SUPERSEDED = "superseded"
    #: Redis has no record of it.
    FORGOTTEN = "forgotten"
    #: The job's record names it, and its inbox does not hold the job.
    MISLAID = "mislaid"


_NOT_THE_JOBS_FAULT = {LossReason.SUPERSEDED, LossReason.FORGOTTEN, LossReason.MISLAID}


def loss_reason(*, is_recorded: bool, why: str) -> LossReason:
    """How an instance was lost, from what its record says."""
    if not is_recorded:
        return LossReason.FORGOTTEN
    return {SILENT_WHY: LossReason.SILENT, SUPERSEDED_WHY: LossReason.SUPERSEDED}.get(why, LossReason.DIED)


class Charge(enum.StrEnum):
    """Whether a loss counts against a job that ran there."""

    COUNTED = "counted"
    UNCOUNTED = "uncounted"
    #: Another job is the likely cause.
    SPARED = "spared"


def charge(reason: LossReason, job: str, checking: Collection[str]) -> Charge:
    """Whether a worker's loss counts against one of the jobs that it held: a job may be what killed it.

    Where some of them had been begun and had no token yet (`checking`), the loss counts against these alone: whatever a
    client may make large, from a prompt to a grammar, is worked on then. Otherwise it counts against all.
    """
    if reason in _NOT_THE_JOBS_FAULT:
        return Charge.UNCOUNTED
    return Charge.COUNTED if job in checking or not checking else Charge.SPARED


def dead_letter_message(max_losses: int) -> str:
    """What the client of a job is told that lost too many workers."""
    return f"The job was given up after {max_losses} of its workers were lost."
