"""The body of `/v1/responses` as schemas: its items, and what is checked of its fields beyond their types."""

from __future__ import annotations

from typing import Any

from penstock.request.limits import MAX_INPUT_ITEMS
from penstock.request.responses.foreign import INSTEAD, REFUSED

_Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"


def _ref(name: str) -> _Schema:
    return {"$ref": _REF.format(name=name)}


_PARTS: _Schema = {"type": "array", "items": _ref("InputPart")}
_TEXT_OR_PARTS: _Schema = {"anyOf": [{"type": "string"}, _PARTS]}
_ID: _Schema = {"description": "For `input_items`; one is made where there is none.", "type": ["string", "null"]}
_NAMES = ("InputMessage", "InputFunctionCall", "InputFunctionCallOutput", "InputReasoning")

COMPONENTS: dict[str, _Schema] = {
    "InputItem": {
        "description": "A part of a conversation: what was said, called, returned or thought.",
        "anyOf": [_ref(name) for name in _NAMES],
    },
    "InputMessage": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "id": _ID,
            "type": {"enum": ["message", None]},
            "role": {"description": "Who speaks.", "enum": ["user", "assistant", "system", "developer"]},
            "content": {"description": "What is said.", **_TEXT_OR_PARTS},
        },
    },
    "InputFunctionCall": {
        "description": "A call that the model made.",
        "type": "object",
        "required": ["type", "name", "arguments", "call_id"],
        "properties": {
            "id": _ID,
            "type": {"const": "function_call"},
            "name": {"type": "string"},
            "arguments": {"type": "string"},
            "call_id": {"type": "string"},
        },
    },
    "InputFunctionCallOutput": {
        "description": "What a call before it returned.",
        "type": "object",
        "required": ["type", "call_id", "output"],
        "properties": {
            "id": _ID,
            "type": {"const": "function_call_output"},
            "call_id": {"description": "That of the call.", "type": "string"},
            "output": _TEXT_OR_PARTS,
        },
    },
    "InputReasoning": {
        "description": "What the model thought; without content it is left out.",
        "type": "object",
        "required": ["type"],
        "properties": {
            "id": _ID,
            "type": {"const": "reasoning"},
            "content": {
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "required": ["type", "text"],
                    "properties": {"type": {"const": "reasoning_text"}, "text": {"type": "string"}},
                },
            },
        },
    },
    "InputPart": {
        "description": "A part of a message: text only.",
        "anyOf": [
            {
                "type": "object",
                "required": ["type", field],
                "properties": {"type": {"enum": kinds}, field: {"type": "string"}},
            }
            for field, kinds in (("text", ["input_text", "output_text", "text"]), ("refusal", ["refusal"]))
        ],
    },
    "FunctionTool": {
        "description": "A function that the model may call.",
        "type": "object",
        "required": ["type", "name"],
        "properties": {
            "type": {"const": "function"},
            "name": {"type": "string", "minLength": 1},
            "description": {"type": ["string", "null"]},
            "parameters": {"description": "A JSON schema of its arguments.", "type": ["object", "null"]},
            "strict": {"description": "Taken; `tool_choice` says what is enforced.", "type": ["boolean", "null"]},
            "async": {"enum": [False, None]},
            "defer_loading": {"enum": [False, None]},
        },
    },
    "NotOfferedInResponses": {
        "description": "Fields of this API and of others. One that would change the answer is a 400 here.",
        "type": "object",
        "properties": {
            name: {
                "enum": [None, *values],
                "description": f"Not offered here{f': {INSTEAD[name]}' if name in INSTEAD else ''}.",
            }
            for name, values in sorted(REFUSED.items())
        },
    },
}

FIELDS: dict[str, _Schema] = {
    "input": {
        "anyOf": [
            {"title": "A text of the user's", "type": "string"},
            {"title": "Items", "type": "array", "minItems": 1, "maxItems": MAX_INPUT_ITEMS, "items": _ref("InputItem")},
        ]
    },
    "tools": {"items": _ref("FunctionTool")},
    "tool_choice": {
        "anyOf": [
            {"enum": ["none", "auto", "required"]},
            {
                "title": "The function that the model must call",
                "type": "object",
                "required": ["type", "name"],
                "properties": {"type": {"const": "function"}, "name": {"type": "string"}},
            },
        ]
    },
    "truncation": {"enum": ["disabled", None]},
}
#: How the fields go together.
RULES: list[_Schema] = [
    {
        "if": {"required": ["background"], "properties": {"background": {"const": True}}},
        "then": {"properties": {"store": {"enum": [True, None]}}},
    },
    {
        "if": {"required": ["tool_choice"], "properties": {"tool_choice": {"not": {"enum": [None, "none"]}}}},
        "then": {"required": ["tools"], "properties": {"tools": {"type": "array", "minItems": 1}}},
    },
]
#: Narrower than their types, by component and field.
NESTED: dict[str, dict[str, _Schema]] = {
    "TextConfig": {"verbosity": {"enum": ["medium", None]}},
    "ReasoningConfig": {"summary": {"enum": ["auto", None]}, "generate_summary": {"enum": ["auto", None]}},
}
#: By component: exactly one of these.
ALTERNATIVES: dict[str, list[_Schema]] = {
    "TextFormat": [
        {"title": "Free text, or any JSON object", "properties": {"type": {"enum": ["text", "json_object"]}}},
        {
            "title": "JSON of a schema",
            "properties": {
                "type": {"const": "json_schema"},
                "name": {"type": "string", "minLength": 1},
                "schema": {"type": "object"},
            },
            "required": ["name", "schema"],
        },
    ]
}
