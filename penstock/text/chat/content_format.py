"""Which form of content a chat template shows, by role: found once per template, by rendering a few conversations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequestError
from penstock.text.chat.content import as_parts, as_text

Render = Callable[[list[dict[str, Any]]], str]

_FIRST, _SECOND = "penstockprobeone", "penstockprobetwo"
_SYSTEM, _USER = {"role": "system", "content": "Hi"}, {"role": "user", "content": "Hi"}
#: What may be said before and after a message of a role: templates refuse roles in other orders.
_AROUND: dict[str, list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]] = {
    "user": [([], []), ([_SYSTEM], [])],
    "system": [([], [_USER])],
    "developer": [([], [_USER])],
    "assistant": [([_USER], [_USER]), ([_SYSTEM, _USER], [_USER]), ([_USER], [])],
}


class ContentForm(Struct, frozen=True):
    """What a template does with one role's content."""

    takes_text: bool
    #: Whether several parts are shown; a template that takes neither reads the first part only.
    takes_parts: bool

    def of(self, content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        """The content as the client sent it if the template shows it so, else in the other form."""
        if isinstance(content, str):
            return content if self.takes_text else as_parts(content)
        if self.takes_parts and content:
            return content
        text = as_text(content)
        return text if self.takes_text else as_parts(text)


class ContentForms:
    """What a template does with content, by role."""

    def __init__(self, render: Render) -> None:
        by_role = {role: _form(render, role) for role in _AROUND}
        # Few templates know parts of what a tool gave; vLLM, too, gives it to all of them as text.
        self._by_role = {**by_role, "tool": _TEXT_ONLY, "function": _TEXT_ONLY}
        self._others = by_role["user"]

    def applied(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages with content in the form that the template shows; one that has it is the same object."""
        return [self._shown(message) for message in messages]

    def _shown(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message["content"]
        form = self._by_role.get(message["role"], self._others).of(content)
        return message if form is content else {**message, "content": form}


_TEXT_ONLY = ContentForm(takes_text=True, takes_parts=False)


def _form(render: Render, role: str) -> ContentForm:
    parts = [{"type": "text", "text": text} for text in (_FIRST, _SECOND)]
    around = _AROUND[role]
    for before, after in (*around, *((_as_parts(before), _as_parts(after)) for before, after in around)):
        text, two, one = (
            _rendered(render, [*before, {"role": role, "content": content}, *after])
            for content in (_FIRST, parts, parts[:1])
        )
        if _FIRST in text or _FIRST in one:
            return ContentForm(takes_text=_FIRST in text, takes_parts=_shows_both(two))
    return _TEXT_ONLY


def _as_parts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For templates that refuse a text already in a message beside the one that is tried."""
    return [{**message, "content": as_parts(message["content"])} for message in messages]


def _shows_both(text: str) -> bool:
    """Whether the texts of parts are there, rather than the list itself as Python or JSON writes it."""
    is_listed = any(f"{quote}{_FIRST}{quote}" in text for quote in "'\"")
    return _FIRST in text and _SECOND in text and not is_listed


def _rendered(render: Render, messages: list[dict[str, Any]]) -> str:
    try:
        return render(messages)
    except InvalidRequestError:
        return ""
