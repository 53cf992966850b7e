"""Chat templates as model folders bring them: from a conversation to the text of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Template, TemplateError, nodes

from penstock.errors import InvalidRequestError, SettingsError
from penstock.text.chat.content_format import ContentForms
from penstock.text.chat.conversation import Conversation, check_conversation
from penstock.text.chat.final_message import cut_after_mark, with_mark
from penstock.text.chat.messages import prepared, without_developer
from penstock.text.chat.sandbox import RefusedByTemplateError, sandbox

#: More text than any model's context holds; a template that writes more is stopped.
MAX_RENDERED_CHARS = 64 << 20
#: Templates ask whether these are none; one that is not defined is something else.
_ABSENT = {"tools": None, "documents": None, "add_generation_prompt": True}
#: As much of a template's own words as an error repeats.
_MAX_REASON_CHARS = 500
_FAILED = (
    "The model's chat template could not be applied to these messages: check their roles, the order of these, and each "
    "message's fields."
)


class ChatTemplate:
    """A compiled template; `special_tokens` are the variables such as `bos_token` that it may use."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self._special_tokens = special_tokens
        environment = sandbox()
        try:
            parsed = environment.parse(source)
            constants = [node.value for node in parsed.find_all(nodes.Const)]
            self._template = environment.from_string(parsed)
        except TemplateError as error:
            raise SettingsError(f"The model's chat template cannot be read: {error}") from error
        self._knows_developer = "developer" in constants
        self._forms = ContentForms(lambda messages: self._text(messages, {}))

    def render(self, conversation: Conversation) -> str:
        """The conversation as the model was trained to see it. Raises InvalidRequestError."""
        check_conversation(conversation)
        messages = prepared(conversation.messages)
        if not self._knows_developer:
            messages = without_developer(messages)
        messages = self._forms.applied(messages)
        variables = {
            "documents": conversation.documents or None,
            **conversation.variables,
            "tools": conversation.tools or None,
            "add_generation_prompt": conversation.add_generation_prompt,
        }
        if not conversation.continue_final_message:
            return self._text(messages, variables)
        marked, text = with_mark(messages)
        return cut_after_mark(self._text(marked, variables), text)

    def _text(self, messages: Sequence[dict[str, Any]], variables: dict[str, Any]) -> str:
        names = {**_ABSENT, **self._special_tokens, **variables, "messages": messages}
        try:
            return _written(self._template, names)
        except InvalidRequestError:
            raise
        except RefusedByTemplateError as refusal:
            reason = str(refusal)[:_MAX_REASON_CHARS]
            raise InvalidRequestError(f"The chat template refused the messages: {reason}", param="messages") from None
        except Exception as error:
            # A template is a program over what the client sent: whatever it trips over is in the messages.
            raise InvalidRequestError(_FAILED, param="messages") from error


def _written(template: Template, names: dict[str, Any]) -> str:
    pieces: list[str] = []
    room = MAX_RENDERED_CHARS
    for piece in template.root_render_func(template.new_context(names)):
        room -= len(piece)
        if room < 0:
            raise InvalidRequestError(
                "The chat template writes more for these messages than any model can read.", param="messages"
            )
        pieces.append(piece)
    return "".join(pieces)
