from __future__ import annotations

from typing import Any

import pytest

from penstock.batches.batch import MOST_FAULTS, BatchStatus
from penstock.cli.batch_run.outcome import failure, has_results, shortfall, unanswered


def batch(status: BatchStatus, total: int = 10, completed: int = 7, failed: int = 2, **fields: Any) -> dict[str, Any]:
    counts = {"total": total, "completed": completed, "failed": failed}
    return {"id": "batch_sim-1", "status": status, "errors": None, "usage": None, "request_counts": counts, **fields}


@pytest.mark.parametrize(
    ("status", "total", "has_any"),
    [
        (BatchStatus.COMPLETED, 10, True),
        (BatchStatus.EXPIRED, 10, True),
        (BatchStatus.CANCELLED, 10, True),
        (BatchStatus.CANCELLED, 0, False),
        (BatchStatus.EXPIRED, 0, False),
        (BatchStatus.FAILED, 0, False),
    ],
)
def test_what_was_begun_has_results(*, status: BatchStatus, total: int, has_any: bool) -> None:
    assert has_results(batch(status, total=total)) == has_any


def test_whatever_has_no_answer_counts() -> None:
    assert unanswered(batch(BatchStatus.CANCELLED)) == 3


def test_each_mistake_is_told_with_its_line() -> None:
    faults = [
        {"code": "invalid_json", "message": "It is no JSON.", "param": None, "line": 3},
        {"code": "too_many_lines", "message": "It has too many lines.", "param": None, "line": None},
    ]
    assert failure(batch(BatchStatus.FAILED, errors={"object": "list", "data": faults}), "in.jsonl") == (
        "in.jsonl has mistakes, and nothing was run:\n"
        "  line 3: invalid_json: It is no JSON.\n"
        "  too_many_lines: It has too many lines."
    )


def test_where_there_may_be_more_mistakes_than_are_told_it_is_said() -> None:
    fault = {"code": "invalid_json", "message": "It is no JSON.", "param": None, "line": 3}
    errors = {"object": "list", "data": [fault] * MOST_FAULTS}
    first, *others = failure(batch(BatchStatus.FAILED, errors=errors), "in.jsonl").splitlines()
    assert first == "in.jsonl has mistakes, and nothing was run; the first 100 of them:"
    assert len(others) == MOST_FAULTS


@pytest.mark.parametrize(
    ("status", "unanswered", "sentence"),
    [
        ("completed", 1, "1 request has no answer: out says why."),
        ("completed", 2, "2 requests have no answer: out says why."),
        ("cancelled", 2, "Batch b was cancelled; 2 requests have no answer: out says why."),
        ("expired", 2, "Batch b was not done in its completion window; 2 requests have no answer: out says why."),
    ],
)
def test_why_answers_are_missing(status: str, unanswered: int, sentence: str) -> None:
    assert shortfall("b", status, unanswered, "out") == sentence


def test_a_batch_that_never_began_is_told_as_it_is() -> None:
    assert failure(batch(BatchStatus.CANCELLED), "in") == "Batch batch_sim-1 is cancelled: nothing was run."
