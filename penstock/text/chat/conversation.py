"""A conversation as a client sent it, and the variables that may go with it to the model's chat template."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequestError

#: What a template is given from the request's own fields, or what rendering decides by itself.
RESERVED_VARIABLES = frozenset(
    {
        "add_generation_prompt",
        "chat_template",
        "continue_final_message",
        "conversation",
        "messages",
        "return_dict",
        "self",
        "tokenize",
        "tools",
    }
)


class Conversation(Struct, frozen=True, kw_only=True):
    """What a chat template is given."""

    #: As the client sent them, checked for form.
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    documents: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True
    #: Whether the model goes on with the last message rather than answering it.
    continue_final_message: bool = False
    #: Whether the begin-of-text token is added to what the template writes.
    add_special_tokens: bool = False
    #: `chat_template_kwargs`, `reasoning_effort` among them where the client gave it.
    variables: dict[str, Any] = {}


def template_variables(kwargs: dict[str, Any] | None, reasoning_effort: str | None = None) -> dict[str, Any]:
    """A conversation's variables by the request's fields.

    Some models think only if told to by `enable_thinking`: an effort decides it where the client did not.
    """
    variables = dict(kwargs or {})
    if reasoning_effort is None:
        return variables
    return {"enable_thinking": reasoning_effort != "none", **variables, "reasoning_effort": reasoning_effort}


def check_conversation(conversation: Conversation) -> None:
    """Raise InvalidRequestError where the conversation's fields contradict each other."""
    if reserved := sorted(RESERVED_VARIABLES & conversation.variables.keys()):
        raise InvalidRequestError(
            f"{reserved[0]} cannot be set in chat_template_kwargs: the request's own fields decide it.",
            param="chat_template_kwargs",
        )
    if conversation.continue_final_message and conversation.add_generation_prompt:
        raise InvalidRequestError(
            "continue_final_message needs add_generation_prompt to be false: the last message is either continued or "
            "answered.",
            param="continue_final_message",
        )
