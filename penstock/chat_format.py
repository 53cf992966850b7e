"""Which form of content a chat template shows, by role: found once per template, by rendering a few conversations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from penstock.chat_content import as_parts, as_text
from penstock.errors import InvalidRequestError

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
    takes_parts: bool

    def of(self, content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        """The content as the client sent it if the template shows it so, else in the other form."""
        if isinstance(content, str):
            return content if self.takes_text else as_parts(content)
        return content if self.takes_parts else as_text(content)


TEXT_ONLY = ContentForm(takes_text=True, takes_parts=False)


def content_forms(render: Render) -> dict[str, ContentForm]:
    """The forms by role; a role that is not in the table takes text, as tools' results do in most templates."""
    return {role: _form(render, role) for role in _AROUND}


def _form(render: Render, role: str) -> ContentForm:
    parts = [{"type": "text", "text": text} for text in (_FIRST, _SECOND)]
    for before, after in _AROUND[role]:
        text, listed = (
            _rendered(render, [*before, {"role": role, "content": said}, *after]) for said in (_FIRST, parts)
        )
        form = ContentForm(takes_text=_FIRST in text, takes_parts=_shows_parts(listed))
        if form.takes_text or form.takes_parts:
            return form
    return TEXT_ONLY


def _shows_parts(text: str) -> bool:
    """Whether the texts of parts are there, rather than the list itself as Python or JSON writes it."""
    is_listed = any(f"{quote}{_FIRST}{quote}" in text for quote in "'\"")
    return _FIRST in text and _SECOND in text and not is_listed


def _rendered(render: Render, messages: list[dict[str, Any]]) -> str:
    try:
        return render(messages)
    except InvalidRequestError:
        return ""
