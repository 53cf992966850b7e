from __future__ import annotations

from typing import Any

import pytest

from ingress.openapi.batch_examples import COMPLETED, FAILED
from penstock.cli.remote.batch_download import not_written
from penstock.cli.remote.options import DEFAULT_URL

WHOLE = {"total": 2, "completed": 2, "failed": 0}


@pytest.fixture(autouse=True)
def _default_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_URL", raising=False)


def told(batch: dict[str, Any], errors: str | None = "errors.jsonl", url: str = DEFAULT_URL) -> list[str]:
    return list(not_written(batch, errors, url))


def test_of_a_failed_batch_nothing_is_written_and_its_status_says_why() -> None:
    assert told(FAILED) == [
        (
            f"Batch {FAILED['id']} is failed, and none of its requests has an answer: "
            f"`penstock batch status {FAILED['id']}` says why."
        ),
        "There is no error file: errors.jsonl is not written.",
    ]
    assert f"{FAILED['id']} --url http://there` says why" in told(FAILED, url="http://there")[0]


def test_only_where_every_request_has_an_answer_is_that_said() -> None:
    whole = {**COMPLETED, "error_file_id": None, "request_counts": WHOLE}
    lost = {**whole, "request_counts": {**WHOLE, "total": 3}}
    assert told(whole) == ["Every request has an answer: errors.jsonl is not written."]
    assert told(lost) == ["There is no error file: errors.jsonl is not written."]
    assert told(whole, errors=None) == []


def test_answers_without_the_errors_name_the_option() -> None:
    partial = {**COMPLETED, "error_file_id": "file-e"}
    assert told(partial, errors=None) == ["Some requests have no answer: --errors FILE writes why."]
    assert told(partial) == []
