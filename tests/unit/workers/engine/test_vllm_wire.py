from __future__ import annotations

import json

import pytest

from penstock.errors import EngineFailedError
from workers.engine.vllm.wire import WireFormat

CHUNK = {
    "id": "chatcmpl-123",
    "object": "chat.completion.chunk",
    "created": 99,
    "model": "model",
    "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}],
}


def event(chunk: object) -> str:
    return f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n"


def wire(*, tells_usage: bool = False) -> WireFormat:
    return WireFormat("job-1", 7, 'a "model"', service_tier=None, tells_usage=tells_usage)


def test_every_chunk_names_the_usage_once_it_was_asked_for() -> None:
    format_, usage = wire(tells_usage=True), {"prompt_tokens": 3}
    assert json.loads(format_.chunk(event(CHUNK)))["usage"] is None
    assert json.loads(format_.chunk(event(CHUNK | {"choices": [], "usage": usage})))["usage"] == usage
    text = '"usage":'
    assert json.loads(format_.chunk(event(CHUNK | {"choices": [{"delta": {"content": text}}]})))["usage"] is None
    assert "usage" not in json.loads(wire().chunk(event(CHUNK)))


def test_a_chunk_gets_the_jobs_identity_and_keeps_all_else() -> None:
    assert json.loads(wire().chunk(event(CHUNK))) == CHUNK | {"id": "job-1", "created": 7, "model": 'a "model"'}


def test_the_end_marker_is_no_chunk() -> None:
    assert wire().chunk("data: [DONE]\n\n") == ""


def test_an_error_event_is_raised() -> None:
    with pytest.raises(EngineFailedError, match="The engine failed"):
        wire().chunk(event({"error": {"message": "CUDA error in /opt/vllm", "code": 500}}))


def test_the_last_finish_reason_is_remembered() -> None:
    format_ = wire()
    format_.chunk(event(CHUNK))
    assert format_.finish_reason is None
    format_.chunk(event(CHUNK | {"choices": [{"finish_reason": "tool_calls"}]}))
    assert format_.finish_reason == "tool_calls"


def tool_call(id_: str) -> dict[str, object]:
    return CHUNK | {"choices": [{"delta": {"tool_calls": [{"id": id_, "function": {"name": "f"}}]}}]}


def ids_of(format_: WireFormat, *given: str) -> list[str]:
    chunks = [json.loads(format_.chunk(event(tool_call(id_)))) for id_ in given]
    return [chunk["choices"][0]["delta"]["tool_calls"][0]["id"] for chunk in chunks]


def test_tool_call_ids_depend_on_their_order_alone() -> None:
    here = ids_of(wire(), "chatcmpl-tool-aa", "chatcmpl-tool-bb", "chatcmpl-tool-aa")
    elsewhere = ids_of(wire(), "chatcmpl-tool-cc", "chatcmpl-tool-dd")
    assert here[:2] == elsewhere
    assert here[0] == here[2] != here[1]


def test_the_whole_response_counts_its_tool_calls_anew() -> None:
    format_ = wire()
    (streamed,) = ids_of(format_, "chatcmpl-tool-aa")
    body = format_.body(json.dumps(tool_call("chatcmpl-tool-zz"), separators=(",", ":")))
    assert streamed in body


def test_what_looks_like_an_id_in_the_models_text_is_left_alone() -> None:
    text = '"id":"chatcmpl-tool-aa","finish_reason":"stop"'
    format_ = wire()
    chunk = json.loads(format_.chunk(event(CHUNK | {"choices": [{"delta": {"content": text}}]})))
    assert chunk["choices"][0]["delta"]["content"] == text
    assert format_.finish_reason is None


@pytest.mark.parametrize("multimodal", [{}, {"multimodal_tokens": None}])
def test_a_usage_tells_what_every_usage_tells(multimodal: dict[str, None]) -> None:
    details = {"cached_tokens": 2, "created_cache_tokens": 0, **multimodal}
    usage = {"prompt_tokens": 3, "prompt_tokens_details": details, "completion_tokens_details": None}
    chunk = json.loads(wire(tells_usage=True).chunk(event(CHUNK | {"usage": usage})))
    assert chunk["usage"] == {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
