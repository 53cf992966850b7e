"""The messages of a conversation, and what is in them, as schemas: their form is checked by hand, not by a type."""

from __future__ import annotations

from typing import Any

from penstock.request.limits import MAX_CONTENT_PARTS, MAX_TOOL_CALLS
from penstock.text.chat.content import TEXT_FIELDS

_Schema = dict[str, Any]


def _part(field: str, kinds: list[str]) -> _Schema:
    return {
        "title": " or ".join(kinds),
        "type": "object",
        "required": ["type", field],
        "properties": {"type": {"enum": kinds}, field: {"type": "string"}},
    }


_KINDS = {field: [kind for kind, own in TEXT_FIELDS.items() if own == field] for field in TEXT_FIELDS.values()}
_PARTS: _Schema = {
    "type": "array",
    "maxItems": MAX_CONTENT_PARTS,
    "items": {"$ref": "#/components/schemas/ContentPart"},
}
_CALLS: _Schema = {
    "description": "The calls that the model made in this turn.",
    "type": ["array", "null"],
    "maxItems": MAX_TOOL_CALLS,
    "items": {"$ref": "#/components/schemas/MessageToolCall"},
}
_SHARED: _Schema = {
    "tool_calls": _CALLS,
    "tool_call_id": {"description": "For `tool`: the call that this is the result of. Templates may show it."},
    "name": {"description": "Who speaks. Templates may show it."},
}

COMPONENTS: dict[str, _Schema] = {
    "Message": {
        "description": "One turn of a conversation. What else it holds reaches the model's chat template.",
        "anyOf": [{"$ref": "#/components/schemas/SaidMessage"}, {"$ref": "#/components/schemas/AssistantMessage"}],
    },
    "SaidMessage": {
        "title": "A message with content",
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {
                "description": "`system`, `developer`, `user`, `assistant`, `tool`, or what else the template knows.",
                "type": "string",
                "minLength": 1,
                "examples": ["user"],
            },
            "content": {"description": "What is said.", "anyOf": [{"type": "string"}, _PARTS]},
            **_SHARED,
        },
    },
    "AssistantMessage": {
        "title": "An answer of the model's, which may be all tool calls",
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"const": "assistant"},
            "content": {"description": "What it said.", "anyOf": [{"type": "string"}, _PARTS, {"type": "null"}]},
            "reasoning": {"description": "What it thought before; `reasoning_content` is the same."},
            **_SHARED,
        },
    },
    "ContentPart": {
        "description": "A part of a message: text only.",
        "anyOf": [{"type": "string"}, *(_part(field, kinds) for field, kinds in _KINDS.items())],
    },
    "MessageToolCall": {
        "type": "object",
        "required": ["function"],
        "properties": {
            "id": {"description": "As the answer gave it."},
            "type": {"const": "function"},
            "function": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "arguments": {"description": "JSON of an object, as a text or as it is."},
                },
            },
        },
    },
    "NamedToolChoice": {
        "description": "The function that the model must call.",
        "type": "object",
        "required": ["function"],
        "properties": {
            "type": {"const": "function"},
            "function": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string", "description": "That of one of the tools."}},
            },
        },
    },
}
