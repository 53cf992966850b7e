from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import InvalidRequestError, SettingsError
from penstock.text.chat.conversation import Conversation
from penstock.text.chat.template import ChatTemplate

HELLO = [{"role": "user", "content": "Hello"}]
EACH = "{% for m in messages %}"
#: Shows text and parts each in its own way.
EITHER = EACH + (
    "[{{ m.role }}]{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}({{ part.text }}){% endfor %}{% endif %}{% endfor %}"
)
TEXT = EACH + "[{{ m.role }}]{{ m.content }}{% endfor %}"
PARTS = EACH + "[{{ m.role }}]{% for part in m.content %}({{ part.text }}){% endfor %}{% endfor %}"


def rendered(source: str, messages: list[dict[str, Any]] = HELLO, **fields: Any) -> str:
    return ChatTemplate(source, {"bos_token": "<s>"}).render(Conversation(messages=messages, **fields))


def refusal(source: str, messages: list[dict[str, Any]] = HELLO, **fields: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as refused:
        rendered(source, messages, **fields)
    return refused.value


def test_special_tokens_and_messages_are_at_hand() -> None:
    assert rendered("{{ bos_token }}" + TEXT) == "<s>[user]Hello"


def test_a_generation_prompt_is_added_unless_declined() -> None:
    source = "{% if add_generation_prompt %}answer:{% endif %}"
    assert rendered(source) == "answer:"
    assert rendered(source, add_generation_prompt=False) == ""


def test_variables_reach_the_template() -> None:
    assert rendered("{{ thinking }}{{ messages[0].content }}", variables={"thinking": True}) == "TrueHello"


@pytest.mark.parametrize("name", ["messages", "tools", "add_generation_prompt", "chat_template", "tokenize"])
def test_what_the_request_decides_cannot_be_replaced_by_a_variable(name: str) -> None:
    error = refusal(TEXT, variables={name: []})
    assert error.param == "chat_template_kwargs"
    assert name in error.message


def test_tools_and_documents_that_are_not_there_are_none() -> None:
    source = "{% if tools is not none or documents is not none %}preamble{% endif %}"
    assert rendered(source) == ""
    assert rendered(source, tools=[], documents=[]) == ""
    assert rendered(source, tools=[{"type": "function"}]) == "preamble"
    assert rendered("{{ documents[0].text }}", documents=[{"text": "Read this."}]) == "Read this."
    assert rendered("{{ documents[0].text }}", variables={"documents": [{"text": "Read this."}]}) == "Read this."


def test_blocks_leave_no_blank_lines() -> None:
    assert rendered("{% if true %}\n  {% for m in messages %}\nx\n  {% endfor %}\n{% endif %}\n") == "x\n"


def test_json_is_not_escaped_for_html() -> None:
    assert rendered("{{ messages | tojson }}", [{"role": "user", "content": "<é>"}]) == (
        '[{"role": "user", "content": "<é>"}]'
    )
    assert rendered("{{ {'a': 1} | tojson(indent=1) }}") == '{\n "a": 1\n}'
    assert rendered("{{ {'b': 'é', 'a': 1} | tojson(true, sort_keys=true) }}") == '{"a": 1, "b": "\\u00e9"}'


def test_loops_can_be_left_and_training_marks_are_ignored() -> None:
    assert rendered("{% for n in [1, 2] %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}") == "1"
    assert rendered("{% generation %}answer{% endgeneration %}") == "answer"
    assert rendered("{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}") == "21"


def test_the_date_can_be_asked_for() -> None:
    assert rendered("{{ strftime_now('%Y') }}").isdecimal()
    assert rendered("{{ strftime_now('%Z') }}") == ""


@pytest.mark.parametrize(
    ("source", "one", "three"),
    [
        (TEXT, "[user]a", "[user]a\nb\nc"),
        (PARTS, "[user](a)", "[user](a)(b)(c)"),
        (EITHER, "[user]a", "[user](a)(b)(c)"),
    ],
)
def test_content_comes_in_the_form_that_the_template_shows(source: str, one: str, three: str) -> None:
    parts = [{"type": "text", "text": text} for text in "abc"]
    assert rendered(source, [{"role": "user", "content": "a"}]) == one
    assert rendered(source, [{"role": "user", "content": parts}]) == three


def test_each_role_has_its_form() -> None:
    source = "{{ messages[0].content }}{% for part in messages[1].content %}({{ part.text }}){% endfor %}"
    messages = [{"role": role, "content": [{"type": "text", "text": role}]} for role in ("system", "user")]
    assert rendered(source, messages) == "system(user)"


def test_a_developer_speaks_as_the_system_where_the_template_knows_none() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "One."},
        {"role": "user", "content": "Hi"},
        {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
    ]
    assert rendered(TEXT, messages) == "[system]One.\n\nTwo.[user]Hi"
    assert rendered(TEXT, messages[1:]) == "[system]Two.[user]Hi"
    assert rendered("{# 'developer' #}" + TEXT, messages[1:]) == "[system]Two.[user]Hi"
    assert rendered(TEXT + "{% if 'developer' in [] %}{% endif %}", messages[1:]) == "[user]Hi[developer]Two."


@pytest.mark.parametrize("field", ["messages[0].content", "messages[1].content"])
@pytest.mark.parametrize("source", [TEXT, PARTS, EITHER, TEXT.replace("m.content }}", "m.content | trim }}")])
def test_a_final_message_stays_open(source: str, field: str) -> None:
    last: Any = "Once " if field == "messages[0].content" else [{"type": "text", "text": "Once "}]
    messages = [*HELLO, {"role": "assistant", "content": last}]
    prompt = rendered(source + "<end>", messages, add_generation_prompt=False, continue_final_message=True)
    assert prompt.endswith("Once" if "trim" in source else "Once ")


def test_a_final_message_that_cannot_be_continued_is_refused() -> None:
    fields: dict[str, Any] = {"add_generation_prompt": False, "continue_final_message": True}
    assert refusal("{{ messages[0].role }}", **fields).param == "continue_final_message"
    assert refusal(PARTS, [{"role": "assistant", "content": []}], **fields).param == "continue_final_message"
    assert "add_generation_prompt" in refusal(TEXT, continue_final_message=True).message


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].content + 1 }}",
        "{{ messages[9].content }}",
        "{{ 1 / 0 }}",
        "{{ 1.5 ** 5000 }}",
        "{{ messages.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ n * 'x' }}",
        "{{ [1] * n }}",
        "{{ n ** n }}",
        "{% for i in range(n) %}x{% endfor %}",
    ],
)
def test_whatever_a_template_trips_over_is_the_clients_error(source: str) -> None:
    error = refusal(source, variables={"n": 10**9})
    assert error.param == "messages"
    assert "the order of these" in error.message


def test_a_template_refuses_in_its_own_words() -> None:
    error = refusal("{{ raise_exception('roles must alternate') }}")
    assert (error.message, error.param) == ("The chat template refused the messages: roles must alternate", "messages")


def test_a_template_that_writes_without_end_is_stopped() -> None:
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}" + "x" * 4096 + "{% endfor %}{% endfor %}"
    assert "any model" in refusal("{% if n %}" + loop + "{% endif %}", variables={"n": 1}).message


def test_a_broken_template_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="chat template"):
        ChatTemplate("{% if %}", {})


def test_arguments_reach_the_template_as_objects() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    seen = rendered("{{ messages[0].tool_calls[0].function.arguments | tojson }}", messages)
    assert json.loads(seen) == {"city": "Bern"}
