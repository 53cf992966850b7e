from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.answers.chunks import EngineChunks, TextChunks
from penstock.frames import End
from penstock.job import State
from penstock.request import Api
from tests.unit.ingress.samples import COMPLETED, FAILED, envelope


def loaded(chunks: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(chunk) for chunk in chunks]


def test_a_chat_begins_with_its_role() -> None:
    (opening,) = loaded(TextChunks(envelope()).opening())

    assert opening == {
        "id": "chatcmpl-sim-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "sim",
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        ],
    }


@pytest.mark.parametrize("api", Api)
def test_every_chunk_tells_the_tier_where_one_was_asked_for(api: Api) -> None:
    chunks = TextChunks(envelope(api, include_usage=True, service_tier="flex"))
    found = loaded([*chunks.opening(), *chunks.of("a"), *chunks.closing(COMPLETED)])

    assert {chunk["service_tier"] for chunk in found} == {"flex"}


@given(st.text(min_size=1))
def test_any_text_survives_its_chunk(text: str) -> None:
    (chat,) = loaded(TextChunks(envelope()).of(text))
    (completion,) = loaded(TextChunks(envelope(Api.COMPLETION)).of(text))

    assert chat["choices"] == [{"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}]
    assert completion["object"] == "text_completion"
    assert completion["choices"] == [{"index": 0, "text": text, "logprobs": None, "finish_reason": None}]


def test_a_completion_has_no_opening() -> None:
    assert TextChunks(envelope(Api.COMPLETION)).opening() == []


def test_the_finish_reason_comes_last() -> None:
    (closing,) = loaded(TextChunks(envelope()).closing(COMPLETED))

    (choice,) = closing["choices"]
    assert (choice["delta"], choice["finish_reason"], choice["stop_reason"]) == ({}, "stop", None)
    assert "usage" not in closing


def test_usage_comes_in_a_chunk_of_its_own_and_is_null_in_all_others() -> None:
    chunks = TextChunks(envelope(include_usage=True))
    *others, last = loaded([*chunks.opening(), *chunks.of("a"), *chunks.closing(COMPLETED)])

    assert [other["usage"] for other in others] == [None, None, None]
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


@pytest.mark.parametrize("chunks", [TextChunks(envelope()), EngineChunks()])
def test_a_failure_closes_with_the_error_object(chunks: TextChunks | EngineChunks) -> None:
    (error,) = loaded(chunks.closing(FAILED))

    assert error == {
        "error": {
            "message": "Too long.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }


def test_a_cancelled_job_closes_with_an_error_too() -> None:
    (error,) = loaded(TextChunks(envelope()).closing(End(State.CANCELLED)))

    assert error["error"]["code"] == "job_cancelled"


def test_an_engine_written_piece_is_relayed_line_by_line() -> None:
    assert EngineChunks().of('{"a":"é"}\n{"b":2}') == ['{"a":"é"}'.encode(), b'{"b":2}']
    assert EngineChunks().closing(COMPLETED) == []
