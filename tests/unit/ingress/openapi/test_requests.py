"""The schemas of bodies say what is checked: neither more, nor less than a schema can say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from ingress.openapi.requests.components import CHAT, COMPLETION, RESPONSES, request_components
from ingress.openapi.requests.fields import FIELDS
from ingress.routes.tokenize import TokenizeBody
from penstock.errors import InvalidRequestError
from penstock.request import Api, ChatBody, conversation, parse
from penstock.request.foreign import REFUSED
from penstock.request.responses import ResponsesBody, as_chat, parse_responses
from penstock.request.responses.foreign import PASSED_ON
from penstock.request.responses.foreign import REFUSED as RESPONSES_REFUSED
from penstock.text.chat.conversation import check_conversation
from tests.contract.reasons import is_known
from tests.differential.cases import load
from tests.unit.penstock.request import bodies

COMPONENTS = request_components()
_PATHS = {"/v1/chat/completions": Api.CHAT, "/v1/completions": Api.COMPLETION}
CORPUS = [(_PATHS[case.api], case.body) for case in load() if case.api in _PATHS]
BASES = {Api.CHAT: bodies.CHAT, Api.COMPLETION: bodies.COMPLETION}
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": {"schemas": COMPONENTS}})


VALIDATORS = {Api.CHAT: validator(CHAT), Api.COMPLETION: validator(COMPLETION)}
TOKENIZE = validator("TokenizeRequest")


def refusal(api: Api, body: Any) -> str | None:
    """Why a body is refused; None where it is not."""
    try:
        parsed = parse(api, json.dumps(body).encode())
        if isinstance(parsed, ChatBody):
            # Checked where the prompt is made.
            check_conversation(conversation(parsed))
    except InvalidRequestError as error:
        return error.message
    return None


def wrong(*bodies: tuple[Api, dict[str, Any]]) -> Iterator[str]:
    """Where the schema and the checks do not agree."""
    for api, body in bodies:
        message, is_valid = refusal(api, body), VALIDATORS[api].is_valid(body)
        if message is None and not is_valid:
            errors = [error.message[:200] for error in VALIDATORS[api].iter_errors(body)]
            yield f"taken, though {errors}: {str(body)[:300]}"
        if message is not None and is_valid and not is_known(message):
            yield f"refused, though the schema allows it: {message}: {str(body)[:300]}"


def test_every_field_has_a_sentence_and_every_sentence_a_field() -> None:
    for kind, sentences in FIELDS.items():
        assert issubclass(kind, msgspec.Struct)
        assert set(sentences) == set(kind.__struct_encode_fields__)


def test_what_the_corpus_asks_for_is_judged_alike() -> None:
    assert len(CORPUS) > 500
    assert list(wrong(*CORPUS)) == []


VALUES: list[Any] = [None, True, False, 0, 1, -1, 2.5, 5.0, 1e300, 10**30, "", "x", [], ["x"], [""], [1], [[1]], [None]]
VALUES += [{}, {"a": 1}, {"a": "x"}, {"1": 5}, {"1": 500}, {"type": "text"}, {"type": "function"}, TOOLS]


@pytest.mark.parametrize("api", Api)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_every_field_of_any_value_is_judged_alike(api: Api, value: Any) -> None:
    fields = [*FIELDS[list(FIELDS)[0 if api is Api.CHAT else 1]], *REFUSED]

    assert list(wrong(*((api, {**BASES[api], field: value}) for field in fields))) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"stream_options": {"include_usage": True}},
        {"stream_options": {}, "stream": False},
        {"stream": True, "prompt_logprobs": 1},
        {"top_logprobs": 1},
        {"top_logprobs": 1, "logprobs": False},
        {"tool_choice": "auto"},
        {"tool_choice": {"function": {"name": "f"}}},
        {"tools": TOOLS, "tool_choice": {"function": {"name": "f"}}, "structured_outputs": {"regex": "a"}},
        {"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        {"structured_outputs": {}},
        {"structured_outputs": {"regex": "a", "choice": ["a"]}},
        {"structured_outputs": {"regex": "a", "json_object": False}},
        {"structured_outputs": {"choice": []}},
        {"structured_outputs": {"choice": [""]}},
        {"logit_bias": {"x": 1}},
        {"logit_bias": {str(n): 1 for n in range(1025)}},
        {"stop": ["x"] * 17},
        {"chat_template_kwargs": {str(n): 1 for n in range(1025)}},
        {"tools": [{"type": "other", "function": {"name": "f"}}]},
        {"tools": [{"function": {"name": ""}}]},
        {"tools": [{"function": {"name": "f", "parameters": []}}]},
        {"max_completion_tokens": 0},
    ],
    ids=str,
)
def test_what_no_type_refuses_the_schema_does(fields: dict[str, Any]) -> None:
    body = bodies.CHAT | fields

    assert refusal(Api.CHAT, body) is not None
    assert not VALIDATORS[Api.CHAT].is_valid(body)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": None}],
        [{"role": "user"}],
        [{"role": "", "content": "x"}],
        [{"content": "x"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "refusal", "text": "x"}]}],
        [{"role": "user", "content": [None]}],
        [{"role": "assistant", "tool_calls": {}}],
        [{"role": "assistant", "tool_calls": [{}]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": 5}}]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}, "type": None}]}],
    ],
    ids=str,
)
def test_a_message_that_is_none_is_none_to_the_schema(messages: list[dict[str, Any]]) -> None:
    body = {**bodies.CHAT, "messages": messages}

    assert refusal(Api.CHAT, body) is not None
    assert not VALIDATORS[Api.CHAT].is_valid(body)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant"},
        {"role": "assistant", "content": None, "tool_calls": None, "name": None},
        {"role": "assistant", "content": [], "tool_calls": []},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}, "id": 5}]},
        {"role": "user", "content": ["x", {"type": "text", "text": "x", "cache_control": None}]},
        {"role": "robot", "content": [{"type": "thinking", "thinking": "x"}], "anything": {"else": 1}},
        {"role": "tool", "content": "x", "tool_call_id": "1"},
    ],
    ids=str,
)
def test_a_message_that_is_one_is_one_to_the_schema(message: dict[str, Any]) -> None:
    body = {**bodies.CHAT, "messages": [message]}

    assert refusal(Api.CHAT, body) is None
    assert VALIDATORS[Api.CHAT].is_valid(body)


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ({"prompt": "x"}, True),
        ({"prompt": "", "messages": None, "model": None}, True),
        ({"prompt": "x", "temperature": "hot"}, True),
        ({"messages": bodies.CHAT["messages"], "return_token_strs": True}, True),
        ({**bodies.CHAT, "prompt": None, "tools": TOOLS}, True),
        ({}, False),
        ({"prompt": "x", "messages": bodies.CHAT["messages"]}, False),
        ({"prompt": 5}, False),
        ({"messages": []}, False),
        ({**bodies.CHAT, "temperature": "hot"}, False),
        ({**bodies.CHAT, "return_token_strs": "yes"}, False),
    ],
    ids=str,
)
def test_a_text_or_a_conversation_can_be_tokenized(body: dict[str, Any], *, is_valid: bool) -> None:
    assert TOKENIZE.is_valid(body) is is_valid


def test_tokenize_takes_no_field_that_is_not_described() -> None:
    own = set(TokenizeBody.__struct_fields__)
    described = (
        COMPONENTS["TokenizeText"]["properties"].keys() | COMPONENTS["TokenizeConversation"]["properties"].keys()
    )

    assert own <= described


RESPONSE: dict[str, Any] = {"model": "sim", "input": "Hi"}
RESPONSES_VALIDATOR = validator(RESPONSES)
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
FUNCTION = {"type": "function", "name": "f"}


def wrong_response(*bodies: dict[str, Any]) -> Iterator[str]:
    """Where the schema of a request to `/v1/responses` and its checks do not agree."""
    for body in bodies:
        message = None
        try:
            as_chat(parse_responses(json.dumps(body).encode()))
        except InvalidRequestError as error:
            message = error.message
        is_valid = RESPONSES_VALIDATOR.is_valid(body)
        if message is None and not is_valid:
            errors = [error.message[:200] for error in RESPONSES_VALIDATOR.iter_errors(body)]
            yield f"taken, though {errors}: {str(body)[:300]}"
        if message is not None and is_valid and not is_known(message):
            yield f"refused, though the schema allows it: {message}: {str(body)[:300]}"


@pytest.mark.parametrize("value", [*VALUES, [FUNCTION], FUNCTION, [CALL], [{"role": "user", "content": "x"}]], ids=str)
def test_every_field_of_a_response_of_any_value_is_judged_alike(value: Any) -> None:
    fields = [*FIELDS[ResponsesBody], *PASSED_ON, *RESPONSES_REFUSED]

    assert list(wrong_response(*({**RESPONSE, field: value} for field in fields))) == []
    for field in ("text", "reasoning"):
        names = ("format", "verbosity", "effort", "summary", "generate_summary")
        assert list(wrong_response(*({**RESPONSE, field: {name: value}} for name in names))) == []


@pytest.mark.parametrize("base", [CALL, {"role": "user", "content": "x"}, {"type": "reasoning"}], ids=str)
def test_every_field_of_an_item_of_any_value_is_judged_alike(base: dict[str, Any]) -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    parts = [{"type": "input_text", "text": "x"}, {"type": "refusal", "refusal": "x"}, {"type": "input_image"}]
    thoughts = [{"type": "reasoning_text", "text": "x"}]
    names = ("type", "role", "content", "id", "call_id", "name", "arguments", "output", "status")
    given = [*VALUES, "user", "message", parts[:2], parts, thoughts]

    items = [{**base, name: value} for name in names for value in given]
    assert list(wrong_response(*({**RESPONSE, "input": [item]} for item in items))) == []
    answers = [{**output, name: value} for name in names for value in given if name != "call_id"]
    assert list(wrong_response(*({**RESPONSE, "input": [CALL, answer]} for answer in answers))) == []


@pytest.mark.parametrize("option", ["type", "name", "description", "parameters", "strict", "async", "defer_loading"])
def test_every_field_of_a_tool_of_any_value_is_judged_alike(option: str) -> None:
    tools = [{**FUNCTION, option: value} for value in VALUES]

    assert list(wrong_response(*({**RESPONSE, "tools": [tool]} for tool in tools))) == []
