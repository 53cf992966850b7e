"""Request bodies: what is wrong is a 400 that names the field, what is right becomes the engine's sampling."""

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
    is_rich,
    parse,
    sampling,
)

CHAT: dict[str, Any] = {"model": "sim", "messages": [{"role": "user", "content": "Hi"}]}
COMPLETION: dict[str, Any] = {"model": "sim", "prompt": "Hi"}


def _chat(**fields: Any) -> ChatBody:
    body = parse(Api.CHAT, json.dumps(CHAT | fields).encode())
    assert isinstance(body, ChatBody)
    return body


def _completion(**fields: Any) -> CompletionBody:
    body = parse(Api.COMPLETION, json.dumps(COMPLETION | fields).encode())
    assert isinstance(body, CompletionBody)
    return body


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
    ({"n": 17}, "n"),
    ({"seed": 2**63}, "seed"),
    ({"seed": "lucky"}, "seed"),
    ({"frequency_penalty": 2.5}, "frequency_penalty"),
    ({"presence_penalty": -2.5}, "presence_penalty"),
    ({"repetition_penalty": 0}, "repetition_penalty"),
    ({"logit_bias": {"5": 101}}, "logit_bias[...]"),
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
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": 5}}}, "response_format.json_schema.schema"),
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
]
COMPLETION_MISTAKES = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": ["a", ""]}, "prompt"),
    ({"prompt": ["a", 5]}, "prompt"),
    ({"prompt": [1, -1]}, "prompt"),
    ({"prompt": [1, True]}, "prompt"),
    ({"prompt": [2**31]}, "prompt"),
    ({"prompt": [[1], []]}, "prompt"),
    ({"prompt": [[1.5]]}, "prompt"),
    ({"logprobs": 21}, "logprobs"),
    ({"suffix": "end"}, "suffix"),
    ({"best_of": 3}, "best_of"),
]


DEEP = b'{"model": "sim", "messages": [{"role": "user", "content": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]}"


def _name(value: Any) -> str:
    return str(value)[:40]


@pytest.mark.parametrize(("fields", "param"), SHARED_MISTAKES + CHAT_MISTAKES, ids=_name)
def test_a_mistake_in_a_chat_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _chat(**fields)
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize(("fields", "param"), SHARED_MISTAKES + COMPLETION_MISTAKES, ids=_name)
def test_a_mistake_in_a_completion_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _completion(**fields)
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
    ids=_name,
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
        is_rich(body)


def test_unknown_fields_are_ignored() -> None:
    assert _chat(store=True, metadata={"a": "b"}).model == "sim"


def test_a_bare_chat_samples_with_the_defaults() -> None:
    chosen = sampling(_chat())
    assert (chosen.max_tokens, chosen.temperature, chosen.top_p, chosen.top_k, chosen.stop) == (None, 1.0, 1.0, 0, ())
    assert chosen.continuable


def test_a_bare_completion_has_sixteen_tokens() -> None:
    assert sampling(_completion()).max_tokens == 16


def test_the_newer_name_of_the_token_limit_wins() -> None:
    assert sampling(_chat(max_tokens=5, max_completion_tokens=7)).max_tokens == 7


def test_a_temperature_of_zero_stays_zero() -> None:
    assert sampling(_chat(temperature=0)).temperature == 0.0


def test_one_stop_string_is_a_list_of_one() -> None:
    assert sampling(_chat(stop="END")).stop == ("END",)


def test_top_k_of_minus_one_is_all_tokens() -> None:
    assert sampling(_chat(top_k=-1)).top_k == 0


def test_bias_keys_become_token_ids() -> None:
    assert sampling(_chat(logit_bias={"17": -100})).logit_bias == {17: -100.0}


@pytest.mark.parametrize(
    ("wanted", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {}),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_a_response_format_becomes_a_schema(wanted: dict[str, Any], schema: dict[str, Any] | None) -> None:
    chosen = sampling(_chat(response_format=wanted))
    assert chosen.json_schema == schema
    assert chosen.continuable is (schema is None)


def test_several_choices_cannot_go_on_elsewhere() -> None:
    assert not sampling(_chat(n=2)).continuable


@pytest.mark.parametrize("prompt", ["Hi", [1, 2, 3], ["a", "b"], [[1], [2, 3]], ["a", [1]]], ids=_name)
def test_a_prompt_has_four_forms(prompt: Any) -> None:
    assert _completion(prompt=prompt).prompt == prompt


@pytest.mark.parametrize(
    ("body", "rich"),
    [
        (_chat(), False),
        (_chat(n=1), False),
        (_chat(n=2), True),
        (_chat(logprobs=True), True),
        (_chat(tools=[]), False),
        (_chat(tools=[{"type": "function"}]), True),
        (_chat(tools=[], tool_choice="none"), False),
        (_completion(), False),
        (_completion(prompt=[1, 2]), False),
        (_completion(prompt=["a"]), True),
        (_completion(echo=True), True),
        (_completion(logprobs=0), True),
    ],
)
def test_more_than_one_choice_of_plain_text_is_rich(body: ChatBody | CompletionBody, rich: bool) -> None:  # noqa: FBT001
    assert is_rich(body) is rich
