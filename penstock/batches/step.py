"""What a batch needs next. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from penstock.batches.batch import BatchStatus

if TYPE_CHECKING:
    from penstock.batches.batch import Batch


class Step(enum.StrEnum):
    """What is to be done with a batch."""

    VALIDATE = "validate"
    #: Make jobs, write the results of those that ended.
    RUN = "run"
    #: Have its jobs end, since nobody waits for them any more.
    END_JOBS = "end_jobs"
    #: Lines that never became jobs get an error each.
    WRITE_REST = "write_rest"
    #: Every line is in a part.
    FINALIZE = "finalize"
    #: Its parts become files.
    MAKE_FILES = "make_files"
    #: It is over before anything ran.
    EXPIRE = "expire"
    #: Tell of its end, and clear up.
    SETTLE = "settle"


def next_step(batch: Batch, *, open_jobs: int, now_ms: int) -> Step:
    """The next step of a batch that has so many jobs whose results are in no part."""
    is_late = now_ms >= batch.expires_ms
    if batch.status.terminal:
        return Step.SETTLE
    if batch.status is BatchStatus.VALIDATING:
        return Step.EXPIRE if is_late else Step.VALIDATE
    if batch.status is BatchStatus.FINALIZING:
        return Step.MAKE_FILES
    has_lines_left = batch.expanded < batch.total
    if open_jobs or has_lines_left:
        if batch.status is BatchStatus.IN_PROGRESS and not is_late:
            return Step.RUN
        return Step.END_JOBS if open_jobs else Step.WRITE_REST
    return Step.FINALIZE if batch.status is BatchStatus.IN_PROGRESS else Step.MAKE_FILES
