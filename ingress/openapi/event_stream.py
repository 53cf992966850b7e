"""Streams of server-sent events: how they look as text, and what each event is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingress.openapi.operation import EVENT_STREAM, Example, Media

_PING = ": ping\\n"
_ID = r"id: (\d+-)?\d+(\.\d+)?\n"
_NAME = r"event: [a-z_.]+\n"
_DATA = r"data: [^\n]+\n\n"
_ABOUT = (
    "Each event is a line `data: …` and an empty line. Its data is JSON: a chunk, or an `error` that ends the stream. "
    "An answer that came to its end is followed by `data: [DONE]`. While nothing comes there are comments (`: ping`), "
    "lines to be skipped."
)
_ABOUT_ENDLESS = (
    "Each event is a line `data: …`, JSON, and an empty line. While nothing comes there are comments (`: ping`), lines "
    "to be skipped. It has no end of its own."
)
_RETRY, _KIND = r"(retry: \d+\n)?", r"(event: end\n)?"
_ABOUT_TYPED = (
    "Each event is a line `event: …`, a line `data: …`, JSON of that `type`, and an empty line. While nothing comes "
    "there are comments (`: ping`), lines to be skipped. The last event says how the response ended, or is an `error`."
)
_ABOUT_IDS = "Before its data each event has a line `id: …`: where to go on after it."
_ABOUT_END = "A last event of the type `end` says in which state the job ended: an EventSource is to be closed then."


def event_stream(
    *chunks: type, examples: Mapping[str, Example], is_numbered: bool = False, tells_end: bool = False
) -> Media:
    """A stream of these chunks; where it can be resumed, each event has an id, and the last one may be an `end`."""
    head = _ID if is_numbered else ""
    about = " ".join((_ABOUT, *([_ABOUT_IDS] if is_numbered else ()), *([_ABOUT_END] if tells_end else ())))
    return Media(
        kind=EVENT_STREAM,
        schema={
            "type": "string",
            "description": about,
            "pattern": f"^({_PING}|{_RETRY}{head}{_KIND}{_DATA})*$" if tells_end else f"^({_PING}|{head}{_DATA})*$",
        },
        items=_event([chunk.__name__ for chunk in chunks], is_numbered=is_numbered),
        types=chunks,
        examples=examples,
    )


def endless_stream(event: type, *, examples: Mapping[str, Example]) -> Media:
    """A stream of such events that has no end of its own."""
    data = {"contentMediaType": "application/json", "contentSchema": {"$ref": f"#/components/schemas/{event.__name__}"}}
    return Media(
        kind=EVENT_STREAM,
        schema={"type": "string", "description": _ABOUT_ENDLESS, "pattern": f"^({_PING}|{_DATA})*$"},
        items={
            "type": "object",
            "required": ["data"],
            "properties": {"data": {"type": "string", "anyOf": [data]}},
        },
        types=(event,),
        examples=examples,
    )


def typed_stream(*events: type, examples: Mapping[str, Example]) -> Media:
    """A stream whose events have a type each, which is their name, too."""
    json = [{"$ref": f"#/components/schemas/{event.__name__}"} for event in events]
    data = {"contentMediaType": "application/json", "contentSchema": {"anyOf": json}}
    return Media(
        kind=EVENT_STREAM,
        schema={
            "type": "string",
            "description": _ABOUT_TYPED,
            "pattern": f"^({_PING}|{_NAME}{_DATA})*$",
        },
        items={
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": {"type": "string", "description": "The type of its data."},
                "data": {"type": "string", "anyOf": [data]},
            },
        },
        types=events,
        examples=examples,
    )


def _event(chunks: list[str], *, is_numbered: bool) -> dict[str, Any]:
    """One event, as OpenAPI 3.2 describes the items of a stream."""
    json = [{"$ref": f"#/components/schemas/{name}"} for name in (*chunks, "Error")]
    data = {"contentMediaType": "application/json", "contentSchema": {"anyOf": json}}
    event_id = {"type": "string", "description": "Where to go on after this event."}
    return {
        "type": "object",
        "required": ["id", "data"] if is_numbered else ["data"],
        "properties": {
            **({"id": event_id} if is_numbered else {}),
            "data": {"type": "string", "anyOf": [{"const": "[DONE]"}, data]},
        },
    }
