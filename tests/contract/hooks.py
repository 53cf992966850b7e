"""What schemathesis is told beyond the document: how to reach further with it, and stricter checks of every answer."""

from __future__ import annotations

import copy
import json
from typing import Any

import schemathesis

from tests.contract.contract import Contract
from tests.contract.reasons import is_known

#: Where a name that nobody serves would end nearly every request.
_GENERATING = ("ChatCompletionRequest", "CompletionRequest", "ResponsesRequest")
_MODEL = "sim"
_LINES = "application/x-ndjson"
_FORM = "multipart/form-data"
_BODIES = {
    "/v1/chat/completions": {"model": _MODEL, "messages": [{"role": "user", "content": "Hello"}]},
    "/v1/completions": {"model": _MODEL, "prompt": "Hello"},
    "/v1/responses": {"model": _MODEL, "input": "Hello"},
}
#: Bodies with rules about how fields go together: cases cannot be generated from these.
_WITH_RULES = (*_GENERATING, "TokenizeConversation")
_BAD_REQUEST = 400


class _Held:
    """The document of the service under test."""

    contract: Contract


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Make the document one that cases can be generated from; answers are held to it as it was."""
    _Held.contract = Contract(copy.deepcopy(raw_schema))
    schemas = raw_schema["components"]["schemas"]
    for name in schemas.keys() & set(_WITH_RULES):
        schemas[name]["allOf"] = [rule for rule in schemas[name]["allOf"] if "if" not in rule]
    for name in schemas.keys() & set(_GENERATING):
        schemas[name]["properties"]["model"] = {"enum": [_MODEL]}
    for kind in schemas.get("JobRequest", {}).get("oneOf", ()):
        # Their own endpoints try all that there may be in them.
        kind["properties"]["body"] = {"enum": [_BODIES[kind["properties"]["endpoint"]["const"]]]}
    for item in raw_schema["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    _describe_events(media)


@schemathesis.hook
def filter_case(_: Any, case: Any) -> bool:
    """Leave out what is not wrong: a field of the head that is not described, and what is a text on its way."""
    has_lines = case.media_type == _LINES
    return (
        "x-schemathesis-unknown-property" not in (case.headers or {})
        and (not has_lines or isinstance(case.body, str))
        and not (case.media_type == _FORM and _has_no_text_for_file(case.body))
        and not any(name.startswith("metadata[") and _was_no_text(value) for name, value in (case.query or {}).items())
    )


def _has_no_text_for_file(form: object) -> bool:
    """Whether a form's file was something else before it became one."""
    return isinstance(form, dict) and not isinstance(form.get("file", ""), str | bytes)


def _was_no_text(value: object) -> bool:
    """Whether what stands in a query was a number, true, false or null before."""
    try:
        return not isinstance(value, str) or not isinstance(json.loads(value), str | list | dict)
    except ValueError:
        return False


@schemathesis.serializer(_LINES)
def lines(_: Any, value: str) -> bytes:
    """A text as it is."""
    return value.encode()


@schemathesis.check
def contract(_: Any, response: Any, case: Any) -> None:
    """The answer is one that the document allows."""
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    faults = _Held.contract.faults(
        response.request.method, response.request.url, response.status_code, headers, response.content
    )
    assert not faults, "\n".join(faults)


@schemathesis.check
def refusal(_: Any, response: Any, case: Any) -> None:
    """A request of the right form is refused for a reason that no schema could have told."""
    is_right = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    if is_right and response.status_code == _BAD_REQUEST and response.request.method != "HEAD":
        message = json.loads(response.content)["error"]["message"]
        assert is_known(message), f"refused without a known reason: {message}"


def _describe_events(media: dict[str, Any]) -> None:
    """Where a document of OpenAPI 3.1 has a stream of events, schemathesis takes its schema for that of one event."""
    if "properties" in media.get("x-oai-itemSchema", {}):
        media["schema"] = media.pop("x-oai-itemSchema")
