"""What is checked of a body's fields beyond their types, as far as a schema can say it."""

from __future__ import annotations

from typing import Any

from penstock.request.foreign import INSTEAD, REFUSED
from penstock.request.formats import MAX_CHARACTERS
from penstock.request.formats import MAX_CHOICES as MAX_FORMAT_CHOICES
from penstock.request.limits import (
    MAX_CHOICES,
    MAX_LOGIT_BIAS,
    MAX_PROMPTS,
    MAX_STOP_CHARACTERS,
    MAX_STOP_STRINGS,
    MAX_TEMPLATE_VALUES,
    MAX_TOKEN_ID,
)
from penstock.request.tools import CHOICES
from penstock.text.chat.conversation import RESERVED_VARIABLES

_Schema = dict[str, Any]

_TOKEN_ID: _Schema = {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID}
_TOKEN_IDS: _Schema = {"type": "array", "minItems": 1, "items": _TOKEN_ID}
_STOP: _Schema = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARACTERS}

SHARED: dict[str, _Schema] = {
    "stop": {"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": MAX_STOP_STRINGS}]},
    "logit_bias": {
        "type": "object",
        "maxProperties": MAX_LOGIT_BIAS,
        "propertyNames": {"pattern": "^[0-9]{1,10}$"},
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
    },
}
CHAT: dict[str, _Schema] = {
    "messages": {"items": {"$ref": "#/components/schemas/Message"}},
    "max_completion_tokens": {"minimum": 1},
    "tools": {"items": {"$ref": "#/components/schemas/Tool"}},
    "tool_choice": {
        "anyOf": [{"enum": list(CHOICES)}, {"$ref": "#/components/schemas/NamedToolChoice"}],
    },
    "chat_template_kwargs": {
        "maxProperties": MAX_TEMPLATE_VALUES,
        "propertyNames": {"not": {"enum": sorted(RESERVED_VARIABLES)}},
    },
}
COMPLETION: dict[str, _Schema] = {
    "prompt": {
        "anyOf": [
            {"title": "A text", "type": "string", "minLength": 1},
            {"title": "Token ids", **_TOKEN_IDS},
            {
                "title": "Texts",
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_PROMPTS,
                "items": {"type": "string"},
            },
            {
                "title": "Lists of token ids",
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_PROMPTS,
                "items": _TOKEN_IDS,
            },
        ]
    },
    "suffix": {"type": "null"},
    "best_of": {"minimum": 1, "maximum": MAX_CHOICES},
}
#: By component: exactly one of these.
ALTERNATIVES: dict[str, list[_Schema]] = {
    "ResponseFormat": [
        {"title": "Free text, or any JSON object", "properties": {"type": {"enum": ["text", "json_object"]}}},
        {
            "title": "JSON of a schema",
            "properties": {
                "type": {"const": "json_schema"},
                "json_schema": {"type": "object", "required": ["schema"], "properties": {"schema": {"type": "object"}}},
            },
            "required": ["json_schema"],
        },
    ],
    "StructuredOutputs": [
        {"title": name, "required": [name], "properties": {name: {"type": kinds}}}
        for name, kinds in {
            "json": ["object", "string"],
            "json_object": "boolean",
            "regex": "string",
            "choice": "array",
            "grammar": "string",
        }.items()
    ],
}
#: Narrower than their types, by component and field.
NESTED: dict[str, dict[str, _Schema]] = {
    "StructuredOutputs": {
        "json_object": {"enum": [True, None]},
        "regex": {"minLength": 1},
        "choice": {
            "minItems": 1,
            "maxItems": MAX_FORMAT_CHOICES,
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
        },
        "grammar": {"minLength": 1, "maxLength": MAX_CHARACTERS},
    }
}


def _given(field: str, schema: _Schema) -> _Schema:
    return {"required": [field], "properties": {field: schema}}


_SHARED_RULES: list[_Schema] = [
    {"if": _given("stream_options", {"type": "object"}), "then": _given("stream", {"const": True})},
    {
        "if": _given("stream", {"const": True}),
        "then": {"properties": {"prompt_logprobs": {"enum": [None, 0]}}},
    },
    {
        "if": _given("structured_outputs", {"type": "object"}),
        "then": {
            "properties": {
                "response_format": {"type": ["object", "null"], "properties": {"type": {"const": "text"}}},
                "tool_choice": {"type": ["string", "null"]},
            }
        },
    },
]
#: How the fields go together.
CHAT_RULES: list[_Schema] = [
    *_SHARED_RULES,
    {"if": _given("top_logprobs", {"type": "integer", "minimum": 1}), "then": _given("logprobs", {"const": True})},
    {
        "if": _given("tool_choice", {"not": {"enum": [None, "none"]}}),
        "then": _given("tools", {"type": "array"}),
    },
    {
        "if": _given("continue_final_message", {"const": True}),
        "then": _given("add_generation_prompt", {"const": False}),
    },
]
COMPLETION_RULES: list[_Schema] = [
    *_SHARED_RULES,
    {"if": _given("max_tokens", {"const": 0}), "then": _given("echo", {"const": True})},
]

#: Fields that other servers know: only with a value that changes nothing.
NOT_OFFERED: dict[str, _Schema] = {
    name: {
        "enum": [None, *values],
        "description": f"Not offered here{f': {INSTEAD[name]}' if name in INSTEAD else ''}.",
    }
    for name, values in sorted(REFUSED.items())
}
