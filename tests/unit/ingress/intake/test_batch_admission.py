from __future__ import annotations

import pytest

from ingress.intake.batch_admission import ACCEPT_LATE_HEADER, batches_open, check_window, not_cancellable
from penstock.batches.batch import Batch, BatchStatus
from penstock.errors import CompletionWindowError
from penstock.request.batch_request import BatchRequest

ASKED = BatchRequest(input_file_id="file-1", endpoint="/v1/completions", completion_window="1h")


def test_a_batch_that_can_be_done_in_time_is_taken() -> None:
    check_window(ASKED, lines=3600, ahead=0, jobs_per_s=1.0)


def test_one_that_would_be_late_is_refused_with_what_can_be_done() -> None:
    with pytest.raises(CompletionWindowError, match=ACCEPT_LATE_HEADER) as raised:
        check_window(ASKED, lines=7200, ahead=3600, jobs_per_s=1.0)
    assert "take 3.0 h" in raised.value.message
    assert (raised.value.param, raised.value.retryable) == ("completion_window", False)


def test_a_pool_with_too_many_batches_says_when_to_come_back() -> None:
    error = batches_open(3)
    assert (error.status, error.retry_after_s, error.retryable) == (429, 60, True)
    assert "batches.max_open" in error.message


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (BatchStatus.FINALIZING, "is finalizing: all of its requests are done."),
        (BatchStatus.COMPLETED, "is completed: there is nothing left to cancel."),
    ],
)
def test_what_cannot_be_cancelled_says_why(status: BatchStatus, why: str) -> None:
    batch = Batch.from_record("batch_sim-1", {b"status": status.encode()})
    assert not_cancellable(batch).message == f"Batch batch_sim-1 {why}"
