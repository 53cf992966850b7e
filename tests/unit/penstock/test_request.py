"""Request bodies: what is wrong is a 400 that names the field, what is right becomes the engine's sampling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ContextLengthError, InvalidRequestError
from penstock.request import (
    MAX_LOGIT_BIAS,
    MAX_STOP_STRINGS,
    Api,
    ChatBody,
    CompletionBody,
    Constraint,
    Sampling,
    check_vocabulary,
    conversation,
    fitted,
    ignored_fields,
    is_rich,
    parse,
    sampling,
    truncated,
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


TOOLS = [{"type": "function", "function": {"name": "weather"}}]

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


def _schema(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


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
    *[({"response_format": _schema(schema)}, "response_format") for schema in WRONG_SCHEMAS],
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


SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Constraint("json_object", True, "response_format")),  # noqa: FBT003
        ({"response_format": _schema({})}, Constraint("json", {}, "response_format")),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
            Constraint("json", SCHEMA, "response_format"),
        ),
        ({"structured_outputs": {"json": SCHEMA}}, Constraint("json", SCHEMA, "structured_outputs")),
        ({"structured_outputs": {"regex": "a+"}}, Constraint("regex", "a+", "structured_outputs")),
        ({"structured_outputs": {"choice": ["a", "b"]}}, Constraint("choice", ["a", "b"], "structured_outputs")),
        (
            {"structured_outputs": {"grammar": 'root ::= "a"'}},
            Constraint("grammar", 'root ::= "a"', "structured_outputs"),
        ),
    ],
    ids=_name,
)
def test_a_wanted_form_becomes_a_constraint(fields: dict[str, Any], constraint: Constraint | None) -> None:
    chosen = sampling(_chat(**fields))
    assert chosen.constraint == constraint
    assert chosen.continuable is (constraint is None)


LIST = {"type": "object", "properties": {"next": {"$ref": "#"}, "value": {"enum": [1]}}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        LIST,
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": ["string", "null"]}}},
        {"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "null"}]},
        {"properties": {"type": {"type": "string"}, "enum": {"type": "integer"}}},
        {"const": {"type": "banana"}, "default": {"enum": []}, "additionalProperties": False},
    ],
    ids=_name,
)
def test_a_schema_may_refer_to_itself_in_its_parts(schema: dict[str, Any]) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert sampling(_chat(response_format=wanted)).constraint is not None


def test_a_schema_is_no_larger_than_can_be_worked_on() -> None:
    wide: dict[str, Any] = {"allOf": [{}] * 200_000}
    for _ in range(50):
        wide = {"items": wide}
    with pytest.raises(InvalidRequestError, match="parts"):
        _chat(response_format=_schema(wide))
    for reference in ("#/anyOf/" + "9" * 5000, "#/anyOf/" + "9" * 900, "#/anyOf/٣", "#" + "/a" * 100_000):
        with pytest.raises(InvalidRequestError, match="refer"):
            _chat(response_format=_schema({"anyOf": [{"type": "string"}], "$ref": reference}))


def test_a_number_of_hundreds_of_digits_is_no_token() -> None:
    with pytest.raises(InvalidRequestError):
        _completion(prompt=[1e308] * 1000)
    with pytest.raises(InvalidRequestError):
        _chat(max_tokens=1e308)


@pytest.mark.parametrize("raw", [b"5.0", b"null", b"[1.5]", b'"x"'])
def test_a_body_is_an_object(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="must be an object"):
        parse(Api.CHAT, raw)


def test_a_schema_of_endless_depth_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"items": schema}
    with pytest.raises(InvalidRequestError, match="nested deeper"):
        _chat(response_format=_schema(schema))
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(5000)} | {"d5000": {}}
    endless = {"$ref": "#/$defs/d0", "$defs": chain}
    with pytest.raises(InvalidRequestError, match="too often"):
        _chat(response_format=_schema(endless))


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"max_tokens": 5.0}, 5), ({"seed": 1.0}, 1), ({"n": 2.0}, 2), ({"top_k": 1e3}, 1000)],
    ids=_name,
)
def test_an_integer_may_be_written_with_a_point(fields: dict[str, Any], value: int) -> None:
    (name,) = fields
    assert getattr(_chat(**fields), name) == value
    assert type(getattr(_chat(**fields), name)) is int


def test_token_ids_may_be_written_with_a_point() -> None:
    body = _completion(prompt=[1.0, 2.0], stop_token_ids=[3.0])
    assert (body.prompt, body.stop_token_ids) == ([1, 2], [3])
    assert _completion(prompt=[[1.0], [2.0]]).prompt == [[1], [2]]


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
    ids=_name,
)
def test_a_field_that_is_not_offered_may_say_so(fields: dict[str, Any]) -> None:
    assert _chat(**fields).model == "sim"


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
        ({"messages": []}, "messages must have a length of at least 1."),
        ({"messages": None}, "messages is missing."),
        ({"truncation_side": "up"}, "truncation_side knows no 'up'."),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name is missing.",
        ),
    ],
    ids=_name,
)
def test_a_mistake_is_said_in_plain_words(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _chat(**fields)
    assert caught.value.message == message


def test_names_that_mean_nothing_here_are_told() -> None:
    raw = json.dumps(CHAT | {"store": True, "temperature": 1, "temprature": 0}).encode()
    assert ignored_fields(Api.CHAT, raw) == ["temprature"]


def test_zero_tokens_are_for_an_echo_only() -> None:
    assert sampling(_completion(echo=True, max_tokens=0)).max_tokens == 0
    with pytest.raises(InvalidRequestError):
        _completion(max_tokens=0)


@pytest.mark.parametrize(
    ("limit", "prompt", "expected"),
    [(None, 90, None), (5, 90, 5), (10, 90, 10), (11, 90, 10), (100, 99, 1), (0, 99, 0)],
)
def test_a_limit_beyond_the_context_is_cut_to_what_is_left(
    limit: int | None, prompt: int, expected: int | None
) -> None:
    assert fitted(Sampling(max_tokens=limit), _chat(), prompt, 100).max_tokens == expected


@pytest.mark.parametrize(
    ("fields", "prompt", "param"),
    [
        ({}, 100, "messages"),
        ({"max_tokens": 100}, 100, "messages"),
        ({"max_tokens": 101}, 5, "max_tokens"),
        ({"max_completion_tokens": 101}, 5, "max_completion_tokens"),
        ({"min_tokens": 11}, 90, "min_tokens"),
    ],
)
def test_what_never_fits_the_context_names_what_was_sent(fields: dict[str, Any], prompt: int, param: str) -> None:
    body = _chat(**fields)
    with pytest.raises(ContextLengthError) as caught:
        fitted(sampling(body), body, prompt, 100)
    assert (caught.value.param, caught.value.code) == (param, "context_length_exceeded")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"truncate_prompt_tokens": 2}, [3, 4]),
        ({"truncate_prompt_tokens": 2, "truncation_side": "right"}, [1, 2]),
        ({"truncate_prompt_tokens": 0}, []),
        ({"truncate_prompt_tokens": 10}, [1, 2, 3, 4]),
        ({"truncate_prompt_tokens": -1}, [1, 2, 3, 4]),
    ],
)
def test_a_prompt_is_cut_on_the_side_that_was_asked_for(fields: dict[str, Any], expected: list[int]) -> None:
    assert list(truncated([1, 2, 3, 4], _completion(**fields), 10)) == expected


def test_a_prompt_is_cut_to_leave_room_for_an_answer() -> None:
    assert len(truncated(range(30), _completion(truncate_prompt_tokens=-1), 10)) == 9
    with pytest.raises(InvalidRequestError, match="truncate_prompt_tokens"):
        truncated(range(30), _completion(truncate_prompt_tokens=11), 10)


def test_token_ids_end_with_the_vocabulary() -> None:
    check_vocabulary(_completion(prompt=[9], logit_bias={"9": 1}), [[9]], 10)
    for fields in ({"stop_token_ids": [10]}, {"logit_bias": {"10": 1}}, {"allowed_token_ids": [3, 10]}):
        with pytest.raises(InvalidRequestError) as caught:
            check_vocabulary(_completion(**fields), [], 10)
        assert caught.value.param in fields
    with pytest.raises(InvalidRequestError, match="prompt holds the token id 10"):
        check_vocabulary(_completion(), [[1], [10]], 10)


def test_the_effort_of_reasoning_reaches_the_template() -> None:
    given = conversation(_chat(reasoning_effort="none", chat_template_kwargs={"style": "short"}))
    assert given.variables == {"style": "short", "reasoning_effort": "none", "enable_thinking": False}
    assert conversation(_chat()).variables == {}


def test_several_choices_cannot_go_on_elsewhere() -> None:
    assert not sampling(_chat(n=2)).continuable


@pytest.mark.parametrize("prompt", ["Hi", [1, 2, 3], ["a", "b"], [[1], [2, 3]]], ids=_name)
def test_a_prompt_has_four_forms(prompt: Any) -> None:
    assert _completion(prompt=prompt).prompt == prompt


@pytest.mark.parametrize(
    ("body", "rich"),
    [
        (_chat(), False),
        (_chat(n=1), False),
        (_chat(n=2), True),
        (_chat(logprobs=True), True),
        (_chat(tools=TOOLS), True),
        (_chat(tools=TOOLS, tool_choice="none"), False),
        (_chat(echo=True), True),
        (_chat(return_token_ids=True), True),
        (_chat(prompt_logprobs=0), True),
        (_chat(stream=True, stream_options={"continuous_usage_stats": True}), True),
        (_chat(stream=True, stream_options={"include_usage": True}), False),
        (_completion(), False),
        (_completion(prompt=[1, 2]), False),
        (_completion(prompt=["a"]), True),
        (_completion(echo=True), True),
        (_completion(logprobs=0), True),
    ],
)
def test_more_than_one_choice_of_plain_text_is_rich(body: ChatBody | CompletionBody, rich: bool) -> None:  # noqa: FBT001
    assert is_rich(body) is rich


def test_a_pool_without_a_parser_answers_in_text_unless_a_call_is_demanded() -> None:
    assert not is_rich(_chat(tools=TOOLS), calls_tools=False)
    assert is_rich(_chat(tools=TOOLS, tool_choice="required"), calls_tools=False)
    named = {"type": "function", "function": {"name": "weather"}}
    assert is_rich(_chat(tools=TOOLS, tool_choice=named), calls_tools=False)
