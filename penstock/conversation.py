"""A conversation as a chat template is given it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Conversation(Struct, frozen=True, kw_only=True):
    """What a chat template is given."""

    #: As the client sent them, checked for form.
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    documents: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    add_special_tokens: bool = False
    #: `chat_template_kwargs`, with the reasoning effort where the client gave one.
    variables: dict[str, Any] = {}
