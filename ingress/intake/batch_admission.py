"""Whether a batch is taken. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from penstock.batches.batch import BatchStatus
from penstock.batches.completion_window import reason_to_refuse
from penstock.errors import BatchEndedError, CompletionWindowError, IdempotencyConflictError, QueueFullError

if TYPE_CHECKING:
    from penstock.batches.batch import Batch
    from penstock.request.batch_request import BatchRequest

ACCEPT_LATE_HEADER = "x-penstock-accept-late"
#: Batches end one by one, over hours.
_FULL_RETRY_S = 60


class BatchReason(enum.StrEnum):
    """Why a batch was refused; a metric's label."""

    WINDOW_TOO_SHORT = "window_too_short"
    BATCHES_OPEN = "batches_open"


def check_window(asked: BatchRequest, *, lines: int, ahead: int, jobs_per_s: float) -> None:
    """Raise CompletionWindowError where a batch of so many lines would be late, by what was measured."""
    why = reason_to_refuse(lines=lines, ahead=ahead, jobs_per_s=jobs_per_s, window=asked.completion_window)
    if why:
        raise CompletionWindowError(
            f"{why} Give a longer window or fewer lines, or send `{ACCEPT_LATE_HEADER}: true`: then what is not done "
            "in time expires.",
            param="completion_window",
        )


def batches_open(most: int) -> QueueFullError:
    """The pool has as many as it may have."""
    return QueueFullError(
        f"{most} batches of this model's pool are not over yet, as many as the operator allows (batches.max_open): "
        "come back when one has ended.",
        retry_after_s=_FULL_RETRY_S,
    )


def check_same(batch: Batch, digest: str) -> None:
    """Raise IdempotencyConflictError where the batch of a key was made by another request."""
    if batch.digest != digest:
        raise IdempotencyConflictError("This Idempotency-Key came with another batch before.")


def not_cancellable(batch: Batch) -> BatchEndedError:
    """It is too late to cancel."""
    if batch.status is BatchStatus.FINALIZING:
        return BatchEndedError(f"Batch {batch.id} is finalizing: all of its requests are done.", param="batch_id")
    return BatchEndedError(f"Batch {batch.id} is {batch.status}: there is nothing left to cancel.", param="batch_id")
