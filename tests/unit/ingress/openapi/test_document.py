"""The API's document: valid, whole, and made of what is there."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate
from starlette.routing import Route

from ingress.openapi.event_stream import event_stream
from penstock import errors
from penstock.errors import ApiError
from tests.contract.contract import Contract
from tests.unit.ingress.openapi.documents import app_of, document_of

SERVICES = [
    pytest.param({"has_keys": has_keys, "is_tokenizer": is_tokenizer}, id=f"{name}{' with keys' if has_keys else ''}")
    for name, is_tokenizer in (("ingress", False), ("tokenizer", True))
    for has_keys in (False, True)
]


@pytest.fixture(params=SERVICES)
def app(request: pytest.FixtureRequest) -> FastAPI:
    return app_of(**request.param)


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return document_of(app)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def responses(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document["components"]["responses"].values()
    for _, _, operation in operations(document):
        yield from (one for one in operation["responses"].values() if "$ref" not in one)


def media_types(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for response in responses(document):
        yield from response.get("content", {}).values()
    for _, _, operation in operations(document):
        yield from operation.get("requestBody", {}).get("content", {}).values()


def error_schemas(document: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The error object, narrowed to some errors."""
    for media in media_types(document):
        if "Error" in str(media["schema"].get("allOf")):
            yield media["schema"]["allOf"]


def values(part: Any, key: str) -> Iterator[Any]:
    """All that stands under a key, wherever."""
    if isinstance(part, dict):
        if key in part:
            yield part[key]
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from values(one, key)


def models(example: Any) -> Iterator[str]:
    """Those that a body asks for; a text is lines of JSON."""
    parts = [json.loads(line) for line in example.splitlines()] if isinstance(example, str) else example
    yield from values(parts, "model")


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_it_describes_every_route_and_nothing_else(app: FastAPI, document: dict[str, Any]) -> None:
    served = {
        (method.lower(), route.path_format)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    described = {(method, path) for method, path, _ in operations(document) if method != "options"}

    assert described == served
    assert all("options" in item for item in document["paths"].values())
    assert not [route for route in app.routes if not isinstance(route, Route)]


def test_a_route_without_a_description_makes_no_document() -> None:
    app = app_of()

    @app.get("/new")
    async def new() -> None: ...

    with pytest.raises(KeyError, match=r"new is not described: put @described"):
        document_of(app)


def test_every_operation_can_be_told_apart_and_understood(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    tags = {tag["name"] for tag in document["tags"]}

    assert len(set(ids)) == len(ids)
    for _, path, operation in operations(document):
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))
        inside = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert all(f"{{{name}}}" in path for name in inside)
        assert path.count("{") == len(inside)


def test_every_answer_names_its_request_and_every_header_is_described(document: dict[str, Any]) -> None:
    for response in responses(document):
        assert response["headers"]["x-request-id"]["required"]
        assert all(header["description"] for header in response["headers"].values())


def test_every_operation_may_fail_as_any_request_may(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        assert {"400", "408", "413", "417", "421", "431", "500", "501", "503", "505"} <= set(operation["responses"])


def test_every_error_there_is_has_its_place() -> None:
    document = document_of(app_of(has_keys=True))
    narrowed = [one["properties"]["error"]["properties"] for all_of in error_schemas(document) for one in all_of[1:]]
    told = {code for one in narrowed for code in one["code"]["enum"]}
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, ApiError)]

    assert told == {cls.code for cls in classes}


def test_an_answer_that_says_when_to_come_back_says_so(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            reference = response.get("$ref", "").rpartition("/")[2]
            headers = (document["components"]["responses"][reference] if reference else response)["headers"]
            assert ("retry-after" in headers) == (status in {"429", "503"})
            assert ("x-should-retry" in headers) == (status in {"408", "409", "429"} or status >= "500")
            assert ("www-authenticate" in headers) == (status == "401")


def test_keys_are_asked_for_where_there_are_any() -> None:
    pages = {"/", "/page/{name}", "/penstock.js", "/penstock.d.ts", "/docs", "/docs/{name}"}
    # A token lets in, whether there are keys or not.
    by_token = {"/v1/jobs/{job_id}/stream"}
    open_ones = {"/health", "/ready", "/metrics", "/openapi.json", *pages, *by_token}
    guarded, unguarded = (document_of(app_of(has_keys=has_keys)) for has_keys in (True, False))

    for method, path, operation in operations(guarded):
        needs_key = path not in open_ones and method != "options"
        assert operation["security"] == ([{"apiKey": []}] if needs_key else [])
        assert ("401" in operation["responses"]) == (needs_key or (path in by_token and method != "options"))
    assert guarded["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert "securitySchemes" not in unguarded["components"]
    assert not [operation for _, _, operation in operations(unguarded) if operation.get("security")]
    assert {path for _, path, operation in operations(unguarded) if "401" in operation["responses"]} == by_token


def test_examples_are_what_they_are_examples_of(document: dict[str, Any]) -> None:
    contract = Contract(document)
    seen = 0
    for media in media_types(document):
        for example in media.get("examples", {}).values():
            seen += 1
            assert example["summary"]
            assert contract.media_faults(media, example["value"]) == []
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                assert contract.schema_faults(parameter["schema"], parameter["example"]) == []
    assert seen > 10


def test_examples_ask_for_a_model_that_is_served(document: dict[str, Any]) -> None:
    bodies = [operation["requestBody"] for _, _, operation in operations(document) if "requestBody" in operation]
    media = [one for body in bodies for one in body["content"].values()]
    asked = {model for one in media for example in one["examples"].values() for model in models(example["value"])}

    assert asked == {"served"}


def test_what_is_referred_to_is_there_and_what_is_there_is_referred_to(document: dict[str, Any]) -> None:
    referred = {one for one in values(document, "$ref") if isinstance(one, str)}
    parts = {
        f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in document["components"][kind]
    }

    assert referred <= parts
    # Whoever asks for what is not there finds these two named in the text.
    assert parts - referred == {"#/components/responses/NotFound", "#/components/responses/MethodNotAllowed"} - referred


def test_a_stream_that_can_be_resumed_numbers_its_events() -> None:
    plain, numbered = (
        event_stream(ApiError, examples={}, is_numbered=is_numbered).schema["pattern"] for is_numbered in (False, True)
    )

    assert "id: " in numbered
    assert "id: " not in plain


def test_it_is_made_once() -> None:
    description = app_of().state.description

    assert description.read() is description.read()
