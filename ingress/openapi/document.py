"""The OpenAPI document of an application: what its routes declare, put together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from starlette.routing import BaseRoute, Route

from ingress.openapi.answers import Answers, answers, without_content
from ingress.openapi.components import components
from ingress.openapi.errors import refusals
from ingress.openapi.facts import Facts
from ingress.openapi.headers import ALLOW
from ingress.openapi.operation import ITEM_SCHEMA, SERVED, Body, Operation, Parameter, Reply, Tag, Where, operation_of
from ingress.openapi.schemas import schema_of
from penstock.errors import MethodNotAllowedError, NotFoundError

_VERSION = "3.1.1"
_SECURITY = "apiKey"
_TAGS = {
    Tag.GENERATION: "OpenAI's generating endpoints.",
    Tag.RESPONSES: "OpenAI's Responses API: a job, seen another way.",
    Tag.JOBS: "The durable record behind each request.",
    Tag.FILES: "OpenAI's Files API: what batches read and make.",
    Tag.BATCHES: "OpenAI's Batch API: files of requests, each line a job.",
    Tag.WEBHOOKS: "Other servers are told of the ends of jobs.",
    Tag.MODELS: "What can be asked for.",
    Tag.TOKENS: "Text to tokens and back.",
    Tag.SERVICE: "Whether it lives, how it does, and this description.",
}
_ABOUT = """\
Errors have one form, `{"error": {"message", "type", "param", "code"}}`, always with all four keys; a field's name in
`param` is as it was sent. Every answer has an `x-request-id`. Where a client would try again by the status alone,
`x-should-retry` says whether that can help, and `retry-after` when.

Bodies are JSON and say so (`content-type: application/json`), plain or compressed with gzip or deflate. null is
absence, and 5.0 is 5. How much one request may hold has bounds that no schema can say: they are 400s with a sentence.

HEAD answers as GET does, without content; OPTIONS tells a path's methods; any other method is a 405 with `allow`
(`#/components/responses/MethodNotAllowed`), any other path a 404 (`#/components/responses/NotFound`)."""


class _Place(Struct, frozen=True):
    """One operation where it is served."""

    path: str
    methods: frozenset[str]
    operation: Operation


def encoded(routes: Iterable[BaseRoute], facts: Facts) -> bytes:
    """The document as JSON. Raises KeyError for a route that nobody described."""
    return msgspec.json.encode(document(routes, facts))


def document(routes: Iterable[BaseRoute], facts: Facts) -> dict[str, Any]:
    """The document. Raises KeyError for a route that nobody described."""
    places = list(_places(routes))
    found = Answers()
    paths: dict[str, dict[str, Any]] = {}
    for place in places:
        item = paths.setdefault(place.path, {})
        for method in sorted(place.methods):
            item[method.lower()] = _operation(place.operation, method, facts, found)
        item.setdefault("options", _options(place.operation, facts, found))
    for refusal in refusals((NotFoundError, MethodNotAllowedError), has_job=False):
        found.put(refusal)
    used = {place.operation.tag for place in places}
    made: dict[str, Any] = {
        "openapi": _VERSION,
        "info": {
            "title": facts.about.title,
            "summary": facts.about.summary,
            "version": facts.version,
            "description": _ABOUT,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": told} for tag, told in _TAGS.items() if tag in used],
        "paths": paths,
        "components": {"responses": found.components},
    }
    if facts.needs_key:
        scheme = {"type": "http", "scheme": "bearer", "description": "An API key of this service."}
        made["components"]["securitySchemes"] = {_SECURITY: scheme}
    filled: dict[str, Any] = _filled(msgspec.to_builtins(made), facts.model)
    filled["components"]["schemas"] = components(filled, [place.operation for place in places])
    return filled


def _places(routes: Iterable[BaseRoute]) -> Iterator[_Place]:
    for route in routes:
        if isinstance(route, Route):
            yield _Place(route.path_format, frozenset(route.methods or ()), operation_of(route.endpoint))


def _operation(operation: Operation, method: str, facts: Facts, found: Answers) -> dict[str, Any]:
    is_guarded = facts.needs_key and operation.needs_key
    responses = answers(operation, found, is_guarded=is_guarded)
    is_head = method == "HEAD"
    made: dict[str, Any] = {
        "operationId": f"{operation.id}Head" if is_head else operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": without_content(responses, found) if is_head else responses,
    }
    if operation.description:
        made["description"] = operation.description
    if operation.parameters:
        made["parameters"] = list(map(_parameter, operation.parameters))
    if operation.body:
        made["requestBody"] = _body(operation.body)
    if facts.needs_key:
        made["security"] = [{_SECURITY: []}] if is_guarded else []
    return made


def _options(operation: Operation, facts: Facts, found: Answers) -> dict[str, Any]:
    """What OPTIONS does on the same path."""
    asked = Operation(
        id=f"{operation.id}Options",
        tag=operation.tag,
        summary="Which methods are there?",
        # Nobody looks for what is there.
        parameters=tuple(
            replace(one, schema={"type": "string"}) for one in operation.parameters if one.where is Where.PATH
        ),
        replies=(Reply(status=204, description="These.", headers=(ALLOW,)),),
        needs_key=False,
    )
    return _operation(asked, "OPTIONS", facts, found)


def _parameter(parameter: Parameter) -> dict[str, Any]:
    made = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.where is Where.PATH,
        "schema": dict(parameter.schema),
    }
    if parameter.style:
        made |= {"style": parameter.style, "explode": True}
    return made if parameter.example is None else made | {"example": parameter.example}


def _body(body: Body) -> dict[str, Any]:
    examples = {name: {"summary": one.summary, "value": one.value} for name, one in body.examples.items()}
    media: dict[str, Any] = {"schema": schema_of(body.schema), "examples": examples}
    if body.items:
        media[ITEM_SCHEMA] = body.items
    return {"description": body.description, "required": body.is_required, "content": {body.kind: media}}


def _filled(value: Any, model: str) -> Any:
    """The same with the name of a model that is served in its place."""
    match value:
        case str():
            return value.replace(SERVED, model)
        case dict():
            return {key: _filled(one, model) for key, one in value.items()}
        case list():
            return [_filled(one, model) for one in value]
    return value
