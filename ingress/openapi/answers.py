"""The answers that an operation may give, as the document has them: by status, errors by reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ingress.openapi.errors import ANY, Refusal, refusals
from ingress.openapi.headers import REQUEST_ID, Header
from ingress.openapi.operation import ITEM_SCHEMA, JSON, Example, Media, Operation, Reply, Tag
from ingress.openapi.schemas import schema_of
from penstock.errors import UnauthorizedError

_PREFIX = "#/components/responses/"
_WITHOUT_CONTENT = "WithoutContent"
_Response = dict[str, Any]
#: Of operations that may tell the job behind a request.
_OF_JOBS = frozenset({Tag.GENERATION, Tag.RESPONSES, Tag.JOBS})


class Answers:
    """Errors that several operations may answer with, each once, by name."""

    def __init__(self) -> None:
        self.components: dict[str, _Response] = {}

    def put(self, refusal: Refusal) -> _Response:
        """Keep it; returns the reference to it."""
        name = refusal.name
        if name not in self.components:
            self.components[name] = _refused(refusal)
        return {"$ref": f"{_PREFIX}{name}"}

    def bare(self, reference: str) -> _Response:
        """The reference to one without its content."""
        name = reference.removeprefix(_PREFIX)
        self.components[f"{name}{_WITHOUT_CONTENT}"] = _bare(self.components[name])
        return {"$ref": f"{reference}{_WITHOUT_CONTENT}"}


def answers(operation: Operation, found: Answers, *, is_guarded: bool) -> dict[str, _Response]:
    """By status."""
    classes = (*ANY, *operation.errors, *((UnauthorizedError,) if is_guarded else ()))
    has_job = operation.tag in _OF_JOBS
    made: dict[int, _Response] = {reply.status: _replied(reply) for reply in operation.replies}
    for refusal in refusals(classes, has_job=has_job):
        own = made.get(refusal.status)
        made[refusal.status] = found.put(refusal) if own is None else _either(own, _refused(refusal))
    return {str(status): made[status] for status in sorted(made)}


def without_content(responses: Mapping[str, _Response], found: Answers) -> dict[str, _Response]:
    """The same for HEAD."""
    return {
        status: found.bare(response["$ref"]) if "$ref" in response else _bare(response)
        for status, response in responses.items()
    }


def _replied(reply: Reply) -> _Response:
    made: _Response = {"description": reply.description, "headers": _headers((REQUEST_ID, *reply.headers))}
    if reply.media:
        made["content"] = {media.kind: _media(media) for media in reply.media}
    if reply.links:
        made["links"] = {
            name: {
                "operationId": link.operation,
                "description": link.description,
                "parameters": dict(link.parameters),
            }
            for name, link in reply.links.items()
        }
    return made


def _media(media: Media) -> dict[str, Any]:
    made: dict[str, Any] = {"schema": schema_of(media.schema)}
    if media.items:
        made[ITEM_SCHEMA] = media.items
    if media.examples:
        made["examples"] = _examples(media.examples)
    return made


def _refused(refusal: Refusal) -> _Response:
    return {
        "description": refusal.description,
        "headers": _headers((REQUEST_ID, *refusal.headers)),
        "content": {JSON: {"schema": refusal.schema, "examples": refusal.examples}},
    }


def _either(own: _Response, error: _Response) -> _Response:
    """An answer that is an error or none: with the headers that one of them has."""
    one, other = own["content"][JSON], error["content"][JSON]
    headers = {
        name: own["headers"].get(name) or {**header, "required": False} for name, header in error["headers"].items()
    }
    return {
        "description": f"{own['description']} Or: {error['description']}",
        "headers": own["headers"] | headers,
        "content": {
            JSON: {
                "schema": {"anyOf": [one["schema"], other["schema"]]},
                "examples": one["examples"] | other["examples"],
            }
        },
    }


def _bare(response: _Response) -> _Response:
    return {name: response[name] for name in ("description", "headers")}


def _headers(headers: Iterable[Header]) -> dict[str, Any]:
    return {
        header.name: {
            "description": header.description,
            "required": header.is_required,
            "schema": header.schema,
        }
        for header in headers
    }


def _examples(examples: Mapping[str, Example]) -> dict[str, Any]:
    return {name: {"summary": one.summary, "value": one.value} for name, one in examples.items()}
