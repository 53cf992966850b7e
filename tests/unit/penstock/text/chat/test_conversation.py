from __future__ import annotations

import pytest

from penstock.errors import InvalidRequestError
from penstock.text.chat.conversation import RESERVED_VARIABLES, Conversation, check_conversation, template_variables

HELLO = [{"role": "user", "content": "Hello"}]


def test_an_effort_decides_whether_a_model_thinks_unless_the_client_did() -> None:
    assert template_variables(None) == {}
    assert template_variables({"a": 1}, "low") == {"a": 1, "enable_thinking": True, "reasoning_effort": "low"}
    assert template_variables(None, "none")["enable_thinking"] is False
    assert template_variables({"enable_thinking": False}, "high")["enable_thinking"] is False


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_a_variable_cannot_replace_a_field(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=name) as refused:
        check_conversation(Conversation(messages=HELLO, variables={name: None}))
    assert refused.value.param == "chat_template_kwargs"


def test_a_message_is_continued_or_answered() -> None:
    check_conversation(Conversation(messages=HELLO, continue_final_message=True, add_generation_prompt=False))
    with pytest.raises(InvalidRequestError) as refused:
        check_conversation(Conversation(messages=HELLO, continue_final_message=True))
    assert refused.value.param == "continue_final_message"
