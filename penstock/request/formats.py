"""`response_format` and `structured_outputs`: what an answer must look like."""

from __future__ import annotations

import msgspec

from penstock.request.body import Body, ChatBody, ResponseFormat, StructuredOutputs
from penstock.request.expressions import check_expression
from penstock.request.schema import check_schema
from penstock.request.size import check_size
from penstock.request.wrong import wrong

MAX_CHOICES = 1000
#: Of all choices together, or of a grammar.
MAX_CHARACTERS = 60_000


def check_formats(body: Body) -> None:
    """Raise InvalidRequestError for a format that says nothing, or more than one thing."""
    if body.response_format is not None:
        _check_response_format(body.response_format)
    if body.structured_outputs is not None:
        _check_structured(body.structured_outputs)
        if isinstance(body, ChatBody) and isinstance(body.tool_choice, dict):
            raise wrong("structured_outputs", "and a named tool_choice exclude each other")
        if body.response_format is not None and body.response_format.type != "text":
            raise wrong("structured_outputs", "and response_format exclude each other")


def _check_response_format(wanted: ResponseFormat) -> None:
    if wanted.type != "json_schema":
        return
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        raise wrong("response_format", "of type json_schema needs the schema in json_schema.schema")
    check_schema(wanted.json_schema.schema, "response_format")


def _check_structured(wanted: StructuredOutputs) -> None:
    given = [name for name in wanted.__struct_fields__ if getattr(wanted, name) is not None]
    if len(given) != 1:
        raise wrong("structured_outputs", f"takes one of {', '.join(wanted.__struct_fields__)}, got {len(given)}")
    if wanted.choice is not None and not (0 < len(wanted.choice) <= MAX_CHOICES and all(wanted.choice)):
        raise wrong("structured_outputs", f"needs 1 to {MAX_CHOICES} choices, none of them empty")
    if sum(map(len, wanted.choice or ())) > MAX_CHARACTERS:
        raise wrong("structured_outputs", f"has choices of more than {MAX_CHARACTERS} characters together")
    if len(wanted.grammar or "") > MAX_CHARACTERS:
        raise wrong("structured_outputs", f"has a grammar of more than {MAX_CHARACTERS} characters")
    if wanted.json_object is False:
        raise wrong("structured_outputs", "has json_object true, or leaves it out")
    if "" in (wanted.regex, wanted.grammar):
        raise wrong("structured_outputs", f"has an empty {given[0]}")
    if wanted.regex is not None:
        check_expression(wanted.regex, "structured_outputs")
    if wanted.json is not None:
        check_schema(_schema(wanted.json), "structured_outputs")


def _schema(given: object) -> object:
    if not isinstance(given, str):
        return given
    # A body's own limits do not see into a text.
    check_size(given.encode(), "structured_outputs")
    try:
        return msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError):
        raise wrong("structured_outputs", "has a json that is no JSON schema") from None
