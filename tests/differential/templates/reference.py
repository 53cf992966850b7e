"""The text that a conversation should become: transformers' own rendering of what a template should be given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from tests.differential.templates.conversations import Case, Messages

#: As in many model folders.
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def expected(render: Callable[..., Any], source: str, case: Case) -> str | None:
    """None where the template refuses.

    A template is given content as the client sent it, a string or parts. Where that loses what was said, or prints the
    list itself, it is given the other form.
    """
    messages = case.given if "'developer'" in source or '"developer"' in source else case.merged
    plain = _rendered(render, source, messages, case.fields)
    if plain is not None and _score(plain, messages) == (True, len(_texts(messages))):
        return plain
    # The first of equals.
    texts = [plain, *(_rendered(render, source, form, case.fields) for form in _forms(messages))]
    return max(texts, key=lambda text: _score(text, messages))


def _rendered(render: Callable[..., Any], source: str, messages: Messages, fields: dict[str, Any]) -> str | None:
    options: dict[str, Any] = {"add_generation_prompt": True, **SPECIAL_TOKENS, **fields}
    options |= options.pop("variables", {})
    options["tools"] = options.get("tools") or None
    try:
        [text], _ = render([messages], chat_template=source, **options)
    except Exception:  # noqa: BLE001  (whatever a template trips over)
        return None
    return str(text)


def _forms(messages: Messages) -> Iterator[Messages]:
    """Each role's content as sent, as one text, as parts, and as one part; the tools' results only as one text."""
    roles = sorted({one["role"] for one in messages} - {"tool"})
    for forms in product((_same, _joined, _listed, _one_part), repeat=len(roles)):
        of = {"tool": _joined, **dict(zip(roles, forms, strict=True))}
        yield [{**one, "content": of.get(one["role"], _same)(one["content"])} for one in messages]


def _same(content: Any) -> Any:
    return content


def _one_part(content: Any) -> Any:
    return _listed(_joined(content))


def _joined(content: Any) -> Any:
    return "\n".join(part["text"] for part in content) if isinstance(content, list) else content


def _listed(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) and content else content


def _score(text: str | None, messages: Messages) -> tuple[bool, int]:
    """How much of what was said is there; least of all where a list is printed."""
    if text is None:
        return False, -1
    said = _texts(messages)
    shown = sum(piece in text for piece in said)
    listed = any(f"'text': {piece!r}" in text or f'"text": {json.dumps(piece)}' in text for piece in said)
    return (not listed, shown)


def _texts(messages: Messages) -> list[str]:
    return [piece.strip() for one in messages for piece in _pieces(one["content"])]


def _pieces(content: Any) -> list[str]:
    return [part["text"] for part in content] if isinstance(content, list) else [content]
