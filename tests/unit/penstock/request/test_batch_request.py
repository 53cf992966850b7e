from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import InvalidRequestError
from penstock.request.batch_request import BatchRequest, parse_batch_request
from penstock.request.job_request import ENDPOINTS

ASKED: dict[str, Any] = {
    "input_file_id": "file-1",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
}
DAY = {"anchor": "created_at", "seconds": 86400}


def parsed(**changes: Any) -> BatchRequest:
    return parse_batch_request(json.dumps({**ASKED, **changes}).encode())


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("window", ["1h", "4h", "24h"])
def test_a_batch_is_of_any_endpoint_and_window(endpoint: str, window: str) -> None:
    asked = parsed(endpoint=endpoint, completion_window=window)
    assert (asked.endpoint, asked.completion_window, asked.metadata_json) == (endpoint, window, "")


def test_metadata_are_kept_as_json() -> None:
    assert parsed(metadata={"a": "ä"}).metadata_json == '{"a":"ä"}'


@pytest.mark.parametrize("seconds", [3600, 86400.0, 2_592_000])
def test_how_long_its_files_are_kept_is_a_number_of_seconds(seconds: float) -> None:
    expiry = parsed(output_expires_after={"anchor": "created_at", "seconds": int(seconds)}).output_expires_after
    assert expiry is not None
    assert expiry.seconds == seconds


def test_null_is_absence() -> None:
    asked = parsed(metadata=None, output_expires_after=None)
    assert (asked.metadata, asked.output_expires_after) == (None, None)


@pytest.mark.parametrize(
    ("changes", "param", "sentence"),
    [
        ({"input_file_id": ""}, "input_file_id", "input_file_id must not be empty."),
        ({"input_file_id": 7}, "input_file_id", "input_file_id must be a text, not a whole number."),
        (
            {"endpoint": "/v1/embeddings"},
            "endpoint",
            "endpoint is '/v1/embeddings'; give one of /v1/chat/completions, /v1/completions, /v1/responses.",
        ),
        ({"completion_window": "2h"}, "completion_window", "completion_window is '2h'; give one of 7d, 24h, 4h, 1h."),
        ({"metadata": {"a": "x" * 513}}, "metadata", "A value in metadata must have at most 512 characters."),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "metadata must have at most 16 entries."),
        (
            {"output_expires_after": {**DAY, "seconds": 3599}},
            "output_expires_after.seconds",
            "output_expires_after.seconds must be at least 3600.",
        ),
        (
            {"output_expires_after": {**DAY, "seconds": 2_592_001}},
            "output_expires_after.seconds",
            "output_expires_after.seconds must be at most 2592000.",
        ),
        (
            {"output_expires_after": {**DAY, "anchor": "now"}},
            "output_expires_after.anchor",
            "output_expires_after.anchor: there is no 'now'; give one of created_at.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_field(changes: dict[str, Any], param: str, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        parsed(**changes)
    assert (raised.value.param, raised.value.message) == (param, sentence)


def test_a_misspelt_field_is_not_taken_for_obeyed() -> None:
    with pytest.raises(InvalidRequestError, match="metdata"):
        parsed(metdata={"a": "b"})


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidRequestError, match=r"^input_file_id is missing\.$"):
        parse_batch_request(b"{}")


def test_the_same_request_has_the_same_digest_however_it_is_written() -> None:
    one = parsed(metadata={"a": "1", "b": "2"})
    same = parse_batch_request(json.dumps({"metadata": {"b": "2", "a": "1"}, **ASKED}, indent=2).encode())
    assert one.digest == same.digest
    assert one.digest != parsed(metadata={"a": "1"}).digest
