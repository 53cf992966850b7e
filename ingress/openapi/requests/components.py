"""The bodies of requests as components of the document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ingress.openapi.requests import bounds, conversation, responses
from ingress.openapi.requests.fields import FIELDS
from penstock.job_class import JobClass
from penstock.request import ChatBody, CompletionBody
from penstock.request.body import Tool
from penstock.request.job_request import MAX_DEADLINE_S, MAX_METADATA, MAX_METADATA_KEY, MAX_METADATA_VALUE
from penstock.request.responses.body import ResponsesBody
from penstock.request.responses.foreign import PASSED_ON
from penstock.webhooks.request import Target

CHAT = "ChatCompletionRequest"
COMPLETION = "CompletionRequest"
CONVERSATION = "TokenizeConversation"
TEXT = "TokenizeText"
TOKENIZE = "TokenizeRequest"
NOT_OFFERED = "NotOffered"
_NOT_IN_RESPONSES = "NotOfferedInResponses"
JOB = "JobRequest"
RESPONSES = "ResponsesRequest"
_REF = "#/components/schemas/{name}"
#: Those of the types' names that say less than the API's.
_RENAMED: dict[type, str] = {ChatBody: CHAT, CompletionBody: COMPLETION, ResponsesBody: RESPONSES}

_Schema = dict[str, Any]

#: What `/tokenize` takes besides a text or a conversation.
_TOKENIZE_FIELDS: dict[str, _Schema] = {
    "model": {"description": "The only model there is, unless given.", "type": ["string", "null"]},
    "return_token_strs": {"description": "Whether to tell the tokens' texts.", "type": ["boolean", "null"]},
}
_TEXT: _Schema = {
    "description": "A text.",
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"description": "The text.", "type": "string"},
        "messages": {"description": "Not beside `prompt`.", "type": "null"},
        "add_special_tokens": {
            "description": "Whether the begin-of-text token is put before it.",
            "type": ["boolean", "null"],
            "default": True,
        },
        **_TOKENIZE_FIELDS,
    },
}
_METADATA: _Schema = {
    "description": "For its owner to find it by.",
    "type": ["object", "null"],
    "maxProperties": MAX_METADATA,
    "propertyNames": {"maxLength": MAX_METADATA_KEY},
    "additionalProperties": {"type": "string", "maxLength": MAX_METADATA_VALUE},
}


def _target_forms() -> tuple[_Schema, _Schema]:
    """A job's webhook: a URL, or an object that has one."""
    (target,), made = msgspec.json.schema_components([Target], ref_template=_REF)
    whole = made[target["$ref"].rpartition("/")[2]]
    return whole["properties"]["url"], whole


_JOB_FIELDS: dict[str, _Schema] = {
    "class": {"description": "Its order of service; `standard` without it.", "enum": [*JobClass, None]},
    "deadline_s": {
        "description": "The longest it may wait for a worker, in seconds.",
        "type": ["number", "null"],
        "minimum": 1,
        "maximum": MAX_DEADLINE_S,
    },
    "metadata": _METADATA,
    "idempotency_key": {
        "description": "The same key and body are the same job.",
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 255,
    },
}
_JOB_FIELDS["webhook"] = {
    "description": "Where its end is told: a URL, which the tenant's secret for jobs signs for, or a URL with more.",
    "anyOf": [*_target_forms(), {"type": "null"}],
}
_ENDPOINTS = {"/v1/chat/completions": CHAT, "/v1/completions": COMPLETION, "/v1/responses": RESPONSES}
_JOB: _Schema = {
    "description": "A request of a generating endpoint, to be answered later.",
    "oneOf": [
        {
            "type": "object",
            "required": ["endpoint", "body"],
            "additionalProperties": False,
            "properties": {
                "endpoint": {"description": "The endpoint that answers it.", "const": endpoint},
                "body": {"$ref": _REF.format(name=name)},
                **_JOB_FIELDS,
            },
        }
        for endpoint, name in _ENDPOINTS.items()
    ],
}


def request_components() -> dict[str, _Schema]:
    """All that the bodies of the generating endpoints, and of `/tokenize`, are made of."""
    _, made = msgspec.json.schema_components([*FIELDS, Tool], ref_template=_REF)
    for kind, sentences in FIELDS.items():
        _describe(made[kind.__name__], sentences, takes_null=kind in _RENAMED)
    for name, alternatives in (bounds.ALTERNATIVES | responses.ALTERNATIVES).items():
        made[name]["oneOf"] = alternatives
    for name, fields in (bounds.NESTED | responses.NESTED).items():
        for field, more in fields.items():
            made[name]["properties"][field] |= more
    components = (
        made
        | {name: made.pop(kind.__name__) for kind, name in _RENAMED.items()}
        | conversation.COMPONENTS
        | responses.COMPONENTS
    )
    _refine(components[CHAT], bounds.SHARED | bounds.CHAT, bounds.CHAT_RULES, "What `POST /v1/chat/completions` takes.")
    _refine(
        components[COMPLETION],
        bounds.SHARED | bounds.COMPLETION,
        bounds.COMPLETION_RULES,
        "What `POST /v1/completions` takes.",
    )
    _refine(
        components[RESPONSES], responses.FIELDS, responses.RULES, "What `POST /v1/responses` takes.", _NOT_IN_RESPONSES
    )
    chat = components[CHAT]["properties"]
    components[RESPONSES]["properties"] |= {name: chat[name] for name in sorted(PASSED_ON)}
    components[NOT_OFFERED] = {
        "description": "Fields that other servers know. One that would change the answer is a 400 here.",
        "type": "object",
        "properties": bounds.NOT_OFFERED,
    }
    components[TEXT] = _TEXT
    components[JOB] = _JOB
    components[CONVERSATION] = _conversation(components[CHAT])
    components[TOKENIZE] = {"oneOf": [{"$ref": _REF.format(name=name)} for name in (TEXT, CONVERSATION)]}
    return components


def _describe(schema: _Schema, sentences: Mapping[str, str], *, takes_null: bool) -> None:
    """Put a sentence to each field, and make its type as short as it can be said; null may be absence."""
    schema.pop("title", None)
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        short = _short(field)
        if short.get("default", ...) is None:
            del short["default"]
        schema["properties"][name] = {"description": sentences[name], **short}
        if takes_null and name not in required and "default" in short:
            schema["properties"][name] = _or_null(schema["properties"][name])


def _short(schema: _Schema) -> _Schema:
    """A type or null, where nothing else is said, as two types of one schema."""
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    alternatives: list[_Schema] = schema.get("anyOf", [])
    if alternatives[1:] != [{"type": "null"}] or "$ref" in alternatives[0]:
        return dict(schema)
    (one, _) = alternatives
    return rest | (one | {"enum": [*one["enum"], None]} if "enum" in one else _or_null(one))


def _or_null(schema: _Schema) -> _Schema:
    return schema | {"type": [schema["type"], "null"]}


def _refine(
    schema: _Schema,
    fields: Mapping[str, _Schema],
    rules: Iterable[_Schema],
    description: str,
    not_offered: str = NOT_OFFERED,
) -> None:
    """Add what is checked by hand."""
    schema["description"] = description
    properties = schema["properties"]
    for name, more in fields.items():
        is_optional = name not in schema["required"]
        properties[name] = _narrowed(properties[name], more, is_optional=is_optional)
    schema["allOf"] = [{"$ref": _REF.format(name=not_offered)}, *rules]


def _narrowed(field: _Schema, more: _Schema, *, is_optional: bool) -> _Schema:
    """A field with bounds beside its type, or with alternatives in its place."""
    if "anyOf" not in more and "type" not in more:
        return field | more
    told = {"description": field["description"]}
    if "anyOf" in more:
        return told | {"anyOf": [*more["anyOf"], *([{"type": "null"}] if is_optional else [])]}
    return told | (_or_null(more) if is_optional and more["type"] != "null" else more)


def _conversation(chat: _Schema) -> _Schema:
    """A chat's body as `/tokenize` takes it: where one model is served, it needs no name."""
    own = {"prompt": {"description": "Not beside `messages`.", "type": "null"}, **_TOKENIZE_FIELDS}
    required = [name for name in chat["required"] if name != "model"]
    description = "A conversation, with all that shapes its prompt, as `POST /v1/chat/completions` takes it."
    return chat | {"description": description, "required": required, "properties": chat["properties"] | own}
