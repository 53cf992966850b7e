"""The content of chat messages: one text, or a list of text parts, whichever a chat template takes."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidRequestError

#: The kinds of parts that are text, by the field that holds it. An assistant's refusal is what it said.
TEXT_FIELDS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "thinking": "thinking",
}


def text_parts(content: list[Any], param: str) -> list[dict[str, Any]]:
    """A list of parts in one form, `{"type": "text", "text": …}` and what else the client gave. `param` names it."""
    return [_part(part, f"{param}[{index}]") for index, part in enumerate(content)]


def as_text(content: str | list[dict[str, Any]]) -> str:
    """Content as one text; parts are joined by line breaks, as vLLM does for templates that know no parts."""
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def as_parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Content as a list of parts; nothing said is no part."""
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _part(part: Any, param: str) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type") if isinstance(part, dict) else None
    field = TEXT_FIELDS.get(kind) if isinstance(kind, str) else None
    if field is None:
        raise InvalidRequestError(
            f"Only text content is supported, got a part of type {str(kind)[:60]!r}.", param=param
        )
    text = part.get(field)
    if not isinstance(text, str):
        raise InvalidRequestError(f"A {kind} part needs a string in `{field}`.", param=param)
    if kind == "text":
        return {key: value for key, value in part.items() if value is not None}
    return {"type": "text", "text": text}
