from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.remote.batch_display import Wanted, checked_endpoint, facts, first_endpoint, requests_of, row
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
    "ignored": [],
}
NO_USAGE = {"input_tokens": 0, "output_tokens": 0}
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
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
    assert row(batch) == ("batch_sim-1", "in_progress", "sim", "", AT, "a=1, b=2")
    assert row(counted)[3] == "4/9"


@pytest.mark.parametrize(
    ("status", "failed", "said"),
    [
        ("completed", 0, "4 of 9"),
        ("completed", 2, "4 of 9, 2 failed"),
        ("cancelled", 5, "4 of 9, 5 without an answer"),
        ("expired", 5, "4 of 9, 5 without an answer"),
    ],
)
def test_what_has_no_answer_has_failed_or_was_cut_short(status: str, failed: int, said: str) -> None:
    assert requests_of({"status": status, "request_counts": {"total": 9, "completed": 4, "failed": failed}}) == said


def wanted(endpoint: str | None = None, window: str = "24h") -> Wanted:
    return Wanted(file="", endpoint=endpoint, window=window, metadata={}, accepts_late=False)


def test_what_a_batch_does_not_have_is_not_shown() -> None:
    assert [name for name, value in facts({**BATCH, "usage": NO_USAGE}) if value] == [
        *("Batch", "Status", "Endpoint", "Submitted", "Expires", "Input"),
    ]
    assert ("Ignored", "temprature, top") in list(facts({**BATCH, "ignored": ["temprature", "top"]}))


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


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"url": 1}'])
def test_a_first_line_without_one_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r'the first line is no request with a "url"'):
        first_endpoint(path)


@pytest.mark.parametrize("text", ["", "\n", "\ufeff\r\n"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(text)
    for endpoint in (None, "/v1/completions"):
        with pytest.raises(SettingsError, match="jsonl is empty: a batch needs a request at least"):
            checked_endpoint(path, wanted(endpoint=endpoint))


def test_prompts_as_plain_text_are_for_another_command(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("What is Penstock?\n")
    with pytest.raises(SettingsError, match=r"`penstock batch run` takes prompts as plain text, and tables\.$"):
        checked_endpoint(path, wanted())


def test_a_choice_that_no_server_takes_is_told_by_its_option(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"url": "/v1/embeddings"}')
    with pytest.raises(SettingsError, match=r"^--completion-window: '2h' is none of 7d, 24h, 4h, 1h\.$"):
        checked_endpoint(path, wanted(window="2h"))
    with pytest.raises(SettingsError, match=r"^--endpoint: '/v1/chat' is none of /v1/chat/completions, "):
        checked_endpoint(path, wanted(endpoint="/v1/chat"))
    with pytest.raises(SettingsError, match=r"jsonl: the url of the first line: '/v1/embeddings' is none of "):
        checked_endpoint(path, wanted())
    assert checked_endpoint(path, wanted(endpoint="/v1/responses")) == "/v1/responses"


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
