from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.chat_template import ChatTemplate
from penstock.errors import InvalidRequestError, SettingsError

HELLO = [{"role": "user", "content": "Hello"}]


def rendered(source: str, messages: list[dict[str, Any]] = HELLO, **variables: Any) -> str:
    return ChatTemplate(source, {"bos_token": "<s>"}).render(messages, **variables)


def test_special_tokens_and_messages_are_at_hand() -> None:
    assert (
        rendered("{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}") == "<s>[user]Hello"
    )


def test_a_generation_prompt_is_added_unless_declined() -> None:
    source = "{% if add_generation_prompt %}answer:{% endif %}"
    assert rendered(source) == "answer:"
    assert rendered(source, add_generation_prompt=False) == ""


def test_variables_reach_the_template_but_cannot_replace_the_messages() -> None:
    assert rendered("{{ thinking }}{{ messages[0].content }}", thinking=True) == "TrueHello"


def test_blocks_leave_no_blank_lines() -> None:
    assert rendered("{% if true %}\n  {% for m in messages %}\nx\n  {% endfor %}\n{% endif %}\n") == "x\n"


def test_json_is_not_escaped_for_html() -> None:
    assert rendered("{{ messages | tojson }}", [{"role": "user", "content": "<é>"}]) == (
        '[{"role": "user", "content": "<é>"}]'
    )
    assert rendered("{{ {'a': 1} | tojson(indent=1) }}") == '{\n "a": 1\n}'


def test_loops_can_be_left_and_training_marks_are_ignored() -> None:
    assert rendered("{% for n in [1, 2] %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}") == "1"
    assert rendered("{% generation %}answer{% endgeneration %}") == "answer"


def test_the_date_can_be_asked_for() -> None:
    assert rendered("{{ strftime_now('%Y') }}").isdecimal()


@pytest.mark.parametrize(("arguments", "seen"), [('{"city": "Bern"}', {"city": "Bern"}), ("", {}), ("{bad", {})])
def test_arguments_of_tool_calls_arrive_as_objects(arguments: str, seen: dict[str, str]) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    assert json.loads(rendered("{{ messages[0].tool_calls[0].function.arguments | tojson }}", messages)) == seen


@pytest.mark.parametrize(
    "source",
    ["{{ raise_exception('roles must alternate') }}", "{{ messages[0].content + 1 }}", "{{ messages[9].content }}"],
)
def test_what_the_template_refuses_is_the_clients_error(source: str) -> None:
    with pytest.raises(InvalidRequestError, match="chat template") as refused:
        rendered(source)
    assert refused.value.param == "messages"


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    with pytest.raises(InvalidRequestError):
        rendered("{{ messages.__class__.__mro__ }}")
    with pytest.raises(InvalidRequestError):
        rendered("{{ messages.append(1) }}")


def test_a_broken_template_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="chat template"):
        ChatTemplate("{% if %}", {})
