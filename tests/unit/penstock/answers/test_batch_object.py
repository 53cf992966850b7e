"""The batch object, made of a record; OpenAI's own types read it."""

from __future__ import annotations

import msgspec
import pytest
from openai.types import Batch as OpenAIBatch

from penstock.answers.batch_object import batch_list, batch_object
from penstock.batches.batch import Batch, BatchFault, BatchStatus, encode_faults

ID = "batch_sim-0123456789abcdef01234567"
COUNTS = {"total": 9, "completed": 2, "failed": 1, "ended_completed": 4, "ended_failed": 2}


def recorded(**fields: object) -> Batch:
    """A batch whose record has these fields besides those that every record has."""
    every = {
        "status": BatchStatus.VALIDATING,
        "tenant": "acme",
        "input_file": "file-1",
        "endpoint": "/v1/completions",
        "window": "4h",
        "created_ms": 1_700_000_000_999,
        "expires_ms": 1_700_014_400_999,
    }
    record = {name.encode(): str(value).encode() for name, value in {**every, **fields}.items()}
    return Batch.from_record(ID, record)


def seen_by_openai(batch: Batch) -> OpenAIBatch:
    return OpenAIBatch.model_validate_json(msgspec.json.encode(batch_object(batch)), strict=True)


def test_a_new_batch_says_what_was_asked_for_and_nothing_else() -> None:
    seen = seen_by_openai(recorded(metadata='{"ticket": "4711"}'))
    assert (seen.id, seen.object, seen.status) == (ID, "batch", "validating")
    assert (seen.endpoint, seen.input_file_id, seen.completion_window) == ("/v1/completions", "file-1", "4h")
    assert (seen.created_at, seen.expires_at) == (1_700_000_000, 1_700_014_400)
    assert seen.metadata == {"ticket": "4711"}
    assert seen.request_counts is not None
    assert seen.request_counts.to_dict() == {"total": 0, "completed": 0, "failed": 0}
    nothing = (seen.model, seen.errors, seen.output_file_id, seen.error_file_id, seen.in_progress_at, seen.failed_at)
    assert nothing == (None,) * 6


def test_each_moment_is_told_in_seconds() -> None:
    names = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    told = batch_object(recorded(**{f"{name}_ms": 1000 * number for number, name in enumerate(names, 1)}))
    assert [getattr(told, f"{name}_at") for name in names] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("status", [status for status in BatchStatus if not status.terminal])
def test_the_counts_of_a_batch_that_runs_are_of_the_jobs_that_have_ended(status: BatchStatus) -> None:
    counts = batch_object(recorded(status=status, **COUNTS)).request_counts
    assert (counts.total, counts.completed, counts.failed) == (9, 4, 2)


@pytest.mark.parametrize("status", [status for status in BatchStatus if status.terminal])
def test_the_counts_of_a_batch_that_is_over_are_those_of_its_files(status: BatchStatus) -> None:
    counts = batch_object(recorded(status=status, **COUNTS)).request_counts
    assert (counts.total, counts.completed, counts.failed) == (9, 2, 1)


def test_a_line_that_never_became_a_job_counts_as_soon_as_it_is_written() -> None:
    counts = batch_object(recorded(status=BatchStatus.IN_PROGRESS, total=3, failed=1)).request_counts
    assert (counts.completed, counts.failed) == (0, 1)


def test_mistakes_are_told_with_their_lines() -> None:
    faults = [
        BatchFault(code="duplicate_custom_id", message="Oh.", param="custom_id", line=3),
        BatchFault(code="empty_file", message="No."),
    ]
    seen = seen_by_openai(recorded(status=BatchStatus.FAILED, errors=encode_faults(faults).decode()))
    assert seen.errors is not None
    assert seen.errors.object == "list"
    assert [error.to_dict() for error in seen.errors.data or ()] == [
        {"code": "duplicate_custom_id", "message": "Oh.", "param": "custom_id", "line": 3},
        {"code": "empty_file", "message": "No.", "param": None, "line": None},
    ]


def test_usage_and_files_are_those_of_the_record() -> None:
    seen = seen_by_openai(
        recorded(
            status=BatchStatus.COMPLETED,
            model="sim",
            prompt_tokens=10,
            cached_tokens=4,
            completion_tokens=5,
            output_file="file-2",
            error_file="file-3",
        )
    )
    assert (seen.model, seen.output_file_id, seen.error_file_id) == ("sim", "file-2", "file-3")
    assert seen.usage is not None
    assert (seen.usage.input_tokens, seen.usage.output_tokens, seen.usage.total_tokens) == (10, 5, 15)
    assert seen.usage.input_tokens_details.cached_tokens == 4


def test_a_page_names_its_ends() -> None:
    page = batch_list([recorded()], has_more=True)
    assert (page.first_id, page.last_id, page.has_more) == (ID, ID, True)
    empty = batch_list([], has_more=False)
    assert (empty.first_id, empty.last_id, empty.data) == (None, None, [])
