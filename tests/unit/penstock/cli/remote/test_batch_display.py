from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.cli.remote.batch_display import facts, first_endpoint, requests_of, row
from penstock.cli.remote.batches import BatchNotCompletedError, require_completed
from penstock.errors import SettingsError

BATCH: dict[str, Any] = {
    "id": "batch_sim-1",
    "status": "in_progress",
    "model": None,
    "endpoint": "/v1/completions",
    "created_at": 1_700_000_000,
    "expires_at": 1_700_003_600,
    "input_file_id": "file-1",
    "output_file_id": None,
    "error_file_id": None,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "usage": {"input_tokens": 3, "output_tokens": 4},
    "metadata": None,
    "errors": None,
}
FAULTS = {
    "errors": {
        "data": [
            {"code": "empty_file", "message": "No lines.", "line": None},
            {"code": "invalid_url", "message": "url is 'x'.", "line": 7},
        ]
    }
}


def test_a_row_is_a_batch() -> None:
    batch = {**BATCH, "model": "sim", "metadata": {"a": "1", "b": "2"}}
    counted = {**batch, "request_counts": {"total": 9, "completed": 4, "failed": 0}}
    assert row(batch) == ("batch_sim-1", "in_progress", "sim", "", "2023-11-14T22:13:20+00:00", "a=1, b=2")
    assert row(counted)[3] == "4 of 9"


def test_what_failed_is_said_only_where_something_did() -> None:
    assert requests_of({"request_counts": {"total": 9, "completed": 4, "failed": 2}}) == "4 of 9, 2 failed"


def test_each_mistake_is_a_line_with_its_place() -> None:
    assert list(facts({**BATCH, **FAULTS}))[-2:] == [
        ("File", "empty_file: No lines."),
        ("Line 7", "invalid_url: url is 'x'."),
    ]


@pytest.mark.parametrize(
    "text",
    ['{"url": "/v1/completions"}', '\ufeff{"url": "/v1/completions"}\r\n{}', '\r\n \n{"url": "/v1/completions"}\n'],
)
def test_the_endpoint_is_that_of_the_first_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(text, newline="")
    assert first_endpoint(path) == "/v1/completions"


@pytest.mark.parametrize("text", ["", "\n", "{", "[]", "{}", '{"url": 1}'])
def test_a_first_line_without_one_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r'the first line is no request with a "url"'):
        first_endpoint(path)


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere: No such file or directory"):
        first_endpoint(tmp_path / "nowhere")


def test_a_batch_that_did_not_complete_says_why() -> None:
    require_completed({**BATCH, "status": "completed"})
    with pytest.raises(BatchNotCompletedError, match=r"^Batch batch_sim-1 is expired\.$"):
        require_completed({**BATCH, "status": "expired"})
    with pytest.raises(BatchNotCompletedError) as raised:
        require_completed({**BATCH, **FAULTS, "status": "failed"})
    assert str(raised.value) == "Batch batch_sim-1 is failed: No lines (1 more: penstock batch status)."
