"""What is wrong with a body is a 400 that names the field, in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InvalidRequestError
from penstock.request import (
    MAX_LOGIT_BIAS,
    MAX_STOP_STRINGS,
    Api,
    ChatBody,
    CompletionBody,
    is_engine_written,
    parse,
    parse_noting,
    sampling,
)
from penstock.request.foreign import REFUSED
from tests.unit.penstock.request.bodies import CHAT, COMPLETION, TOOLS, chat, completion, of_schema, shortened

WRONG_SCHEMAS: list[dict[str, Any]] = [
    {"type": "banana"},
    {"enum": []},
    {"$ref": "#"},
    {"$ref": "#/$defs/absent"},
    {"$ref": "https://example.com/schema"},
    {"anyOf": [{"$ref": "#"}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"type": "object", "properties": {"a": {"type": "array", "items": {"type": ["string", "text"]}}}},
    {"properties": 5},
    {"pattern": 5},
    {"allOf": []},
]


SHARED_MISTAKES = [
    ({"model": 5}, "model"),
    ({"model": None}, "model"),
    ({"temperature": -1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_p": 1.5}, "top_p"),
    ({"top_k": -2}, "top_k"),
    ({"min_p": 1.1}, "min_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -5}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": "10"}, "max_tokens"),
    ({"min_tokens": -1}, "min_tokens"),
    ({"n": 0}, "n"),
    ({"n": 129}, "n"),
    ({"top_k": 2**64}, "top_k"),
    ({"max_tokens": 2**64}, "max_tokens"),
    ({"max_tokens": 5, "min_tokens": 6}, "min_tokens"),
    ({"seed": 2**63}, "seed"),
    ({"seed": "lucky"}, "seed"),
    ({"frequency_penalty": 2.5}, "frequency_penalty"),
    ({"presence_penalty": -2.5}, "presence_penalty"),
    ({"repetition_penalty": 0}, "repetition_penalty"),
    ({"logit_bias": {"5": 101}}, "logit_bias"),
    ({"logit_bias": {"five": 1}}, "logit_bias"),
    ({"logit_bias": {"-5": 1}}, "logit_bias"),
    ({"logit_bias": {"٣": 1}}, "logit_bias"),
    ({"logit_bias": {"9" * 5000: 1}}, "logit_bias"),
    ({"logit_bias": {str(2**31): 1}}, "logit_bias"),
    ({"logit_bias": {str(token): 1 for token in range(MAX_LOGIT_BIAS + 1)}}, "logit_bias"),
    ({"stop": 5}, "stop"),
    ({"stop": [5]}, "stop[0]"),
    ({"stop": ""}, "stop"),
    ({"stop": ["a", ""]}, "stop"),
    ({"stop": ["x"] * (MAX_STOP_STRINGS + 1)}, "stop"),
    ({"stop": ["x"] * 5000}, "stop"),
    ({"stop_token_ids": [-1]}, "stop_token_ids[0]"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"response_format": {"type": "yaml"}}, "response_format.type"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": 5}}},
        "response_format.json_schema.schema",
    ),
    ({"response_format": {"type": "json_schema"}}, "response_format"),
    ({"response_format": {"type": "json_schema", "schema": {"type": "object"}}}, "response_format"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format"),
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "response_format.json_schema.name"),
    ({"response_format": {"json_schema": {"name": "x", "schema": {"type": "object"}}}}, "response_format.type"),
    *[({"response_format": of_schema(schema)}, "response_format") for schema in WRONG_SCHEMAS],
    ({"structured_outputs": {}}, "structured_outputs"),
    ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs"),
    ({"structured_outputs": {"choice": []}}, "structured_outputs"),
    ({"structured_outputs": {"regex": ""}}, "structured_outputs"),
    ({"structured_outputs": {"json": "{"}}, "structured_outputs"),
    ({"structured_outputs": {"json": {"type": "banana"}}}, "structured_outputs"),
    ({"structured_outputs": {"json_object": False}}, "structured_outputs"),
    (
        {"structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"}},
        "structured_outputs",
    ),
    ({"allowed_token_ids": []}, "allowed_token_ids"),
    ({"bad_words": [""]}, "bad_words[0]"),
    ({"truncate_prompt_tokens": -2}, "truncate_prompt_tokens"),
    ({"truncation_side": "middle"}, "truncation_side"),
    ({"prompt_logprobs": 1, "stream": True}, "prompt_logprobs"),
    ({"prompt_logprobs": 21}, "prompt_logprobs"),
    ({"logprob_token_ids": [1]}, "logprob_token_ids"),
    ({"use_beam_search": True}, "use_beam_search"),
    ({"priority": 5}, "priority"),
    ({"priority": False}, "priority"),
    ({"use_beam_search": 0}, "use_beam_search"),
    ({"kv_transfer_params": {"do_remote_decode": True}}, "kv_transfer_params"),
    ({"cache_salt": "salt"}, "cache_salt"),
    ({"thinking_token_budget": 5}, "thinking_token_budget"),
    ({"vllm_xargs": {"a": 1}}, "vllm_xargs"),
]
CHAT_MISTAKES = [
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": ["Hi"]}, "messages[0]"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": 5, "content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": 5}]}, "messages[1].content"),
    ({"max_completion_tokens": 0}, "max_completion_tokens"),
    ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"logprobs": 3}, "logprobs"),
    ({"tools": {}}, "tools"),
    ({"tools": []}, "tools"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "custom", "function": {"name": "f"}}]}, "tools[0].type"),
    ({"tools": [{"function": {"name": ""}}]}, "tools[0].function.name"),
    ({"tools": [{"function": {"name": "f", "parameters": {"type": "banana"}}}]}, "tools[0].function.parameters"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": "any"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "absent"}}}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"function": "weather"}}, "tool_choice"),
    ({"reasoning_effort": "silly"}, "reasoning_effort"),
    ({"documents": ["text"]}, "documents[0]"),
    ({"chat_template": "{{ messages }}"}, "chat_template"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"guided_regex": "a+"}, "guided_regex"),
    ({"function_call": "auto"}, "function_call"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "alloy"}}, "audio"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": False}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]}, "messages[0].tool_calls[0]"),
]
COMPLETION_MISTAKES = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": ["a", 5]}, "prompt"),
    ({"prompt": [1, -1]}, "prompt"),
    ({"prompt": [1, True]}, "prompt"),
    ({"prompt": [2**31]}, "prompt"),
    ({"prompt": [[1], []]}, "prompt"),
    ({"prompt": [[1.5]]}, "prompt"),
    ({"logprobs": 21}, "logprobs"),
    ({"suffix": "end"}, "suffix"),
    ({"suffix": ""}, "suffix"),
    ({"best_of": 3}, "best_of"),
    ({"best_of": 1, "n": 2}, "best_of"),
    ({"prompt": ["a", [1]]}, "prompt"),
    ({"prompt": ["a"] * 1025}, "prompt"),
    ({"prompt_embeds": "AAAA"}, "prompt_embeds"),
]


DEEP = b'{"model": "sim", "messages": [{"role": "user", "content": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]}"


@pytest.mark.parametrize(("fields", "param"), SHARED_MISTAKES + CHAT_MISTAKES, ids=shortened)
def test_a_mistake_in_a_chat_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat(**fields)
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize(("fields", "param"), SHARED_MISTAKES + COMPLETION_MISTAKES, ids=shortened)
def test_a_mistake_in_a_completion_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        completion(**fields)
    assert caught.value.param == param
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    ("api", "missing"),
    [(Api.CHAT, "model"), (Api.CHAT, "messages"), (Api.COMPLETION, "model"), (Api.COMPLETION, "prompt")],
)
def test_a_missing_field_is_named(api: Api, missing: str) -> None:
    body = {key: value for key, value in (CHAT if api is Api.CHAT else COMPLETION).items() if key != missing}
    with pytest.raises(InvalidRequestError) as caught:
        parse(api, json.dumps(body).encode())
    assert caught.value.param == missing


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"text"', b"{}x", b'{"model": NaN}', b'{"model": "\xff"}', b"\xff\xfe", DEEP],
    ids=shortened,
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parse(Api.CHAT, raw)


@given(st.binary(max_size=200))
def test_no_bytes_get_past_with_another_error(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parse(Api.CHAT, raw)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = sorted({*ChatBody.__struct_fields__, *CompletionBody.__struct_fields__})


@given(st.sampled_from(list(Api)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
def test_any_field_of_any_value_is_taken_or_refused(api: Api, fields: dict[str, Any]) -> None:
    whole = (CHAT if api is Api.CHAT else COMPLETION) | fields
    try:
        body = parse(api, json.dumps(whole).encode())
    except InvalidRequestError as error:
        assert error.param is not None  # noqa: PT017 - refusal is one of two right outcomes
    else:
        sampling(body)
        is_engine_written(body)


def test_unknown_fields_are_ignored() -> None:
    assert chat(store=True, metadata={"a": "b"}).model == "sim"


def test_a_number_of_hundreds_of_digits_is_no_token() -> None:
    with pytest.raises(InvalidRequestError):
        completion(prompt=[1e308] * 1000)
    with pytest.raises(InvalidRequestError):
        chat(max_tokens=1e308)


@pytest.mark.parametrize(
    "value", [b"1e400", b"[1e400]", b"[" * 100_000 + b"]" * 100_000], ids=["large", "in a list", "deep"]
)
@pytest.mark.parametrize("field", sorted(REFUSED))
def test_a_field_that_is_not_offered_may_hold_what_nobody_can_read(field: str, value: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parse(Api.CHAT, json.dumps(CHAT).encode()[:-1] + b', "%b": %b}' % (field.encode(), value))


@pytest.mark.parametrize("raw", [b"5.0", b"null", b"[1.5]", b'"x"'])
def test_a_body_is_an_object(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="must be an object"):
        parse(Api.CHAT, raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"use_beam_search": False},
        {"priority": 0},
        {"kv_transfer_params": None},
        {"modalities": ["text"]},
        {"function_call": "none"},
        {"chat_template": None},
    ],
    ids=shortened,
)
def test_a_field_that_is_not_offered_may_say_so(fields: dict[str, Any]) -> None:
    assert chat(**fields).model == "sim"


@pytest.mark.parametrize("api", list(Api))
def test_null_is_absence(api: Api) -> None:
    kind = ChatBody if api is Api.CHAT else CompletionBody
    base = CHAT if api is Api.CHAT else COMPLETION
    body = parse(api, json.dumps(dict.fromkeys(kind.__struct_fields__) | base).encode())
    assert body == parse(api, json.dumps(base).encode())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": "hot"}, "temperature must be a number, not a text."),
        ({"temperature": 2.5}, "temperature must be at most 2."),
        ({"top_p": 0}, "top_p must be above 0."),
        ({"stop": 5}, "stop must be a text or a list, not a whole number."),
        ({"messages": []}, "messages must not be empty."),
        ({"messages": None}, "messages is missing."),
        ({"truncation_side": "up"}, "truncation_side: there is no 'up'; give one of left, right."),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name is missing.",
        ),
    ],
    ids=shortened,
)
def test_a_mistake_is_said_in_plain_words(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat(**fields)
    assert caught.value.message == message


def test_names_that_mean_nothing_here_are_told() -> None:
    raw = json.dumps(CHAT | {"store": True, "temperature": 1, "temprature": 0}).encode()
    assert parse_noting(Api.CHAT, raw)[1] == ["temprature"]
