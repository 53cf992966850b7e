from __future__ import annotations

import msgspec
import pytest

from penstock.cli.remote.options import pairs
from penstock.cli.remote.submission import Asked, only, request
from penstock.errors import SettingsError
from penstock.request.job_request import parse_job_request

ASKED = Asked(
    prompt="Hello",
    file=None,
    model=None,
    system=None,
    max_tokens=None,
    job_class=None,
    deadline_s=None,
    metadata={},
    idempotency_key=None,
)


def test_what_is_not_asked_for_is_not_sent() -> None:
    body = request(ASKED, "Hello", "sim")

    assert body.keys() == {"endpoint", "body", "idempotency_key"}
    assert body["body"] == {"model": "sim", "messages": [{"role": "user", "content": "Hello"}]}
    assert parse_job_request(msgspec.json.encode(body)).metadata is None


def test_all_that_is_asked_for_is_sent() -> None:
    asked = msgspec.structs.replace(
        ASKED,
        system="Be brief.",
        max_tokens=7,
        job_class="batch",
        deadline_s=60.0,
        metadata={"ticket": "4711"},
        idempotency_key="mine",
    )
    body = request(asked, "Hello", "sim")
    sent = parse_job_request(msgspec.json.encode(body))

    assert (sent.job_class, sent.deadline_s, sent.metadata) == ("batch", 60, {"ticket": "4711"})
    assert sent.idempotency_key == "mine"
    assert body["body"]["max_tokens"] == 7
    assert [message["role"] for message in body["body"]["messages"]] == ["system", "user"]


def test_each_submission_has_a_key_of_its_own() -> None:
    assert len({request(ASKED, "Hello", "sim")["idempotency_key"] for _ in range(10)}) == 10


def test_the_only_model_needs_no_name() -> None:
    assert only(["sim"]) == "sim"
    with pytest.raises(SettingsError, match="name one of those that are served: a, b"):
        only(["a", "b"])
    with pytest.raises(SettingsError, match="none"):
        only([])


def test_metadata_is_given_in_pairs() -> None:
    assert pairs("--metadata", ["a=1", "b=", "c=x=y"]) == {"a": "1", "b": "", "c": "x=y"}
    for wrong in ("a", "=1"):
        with pytest.raises(SettingsError, match=r"--metadata: .* is no KEY=VALUE"):
            pairs("--metadata", [wrong])
