"""Whether an answer is one that the API's document allows: its status, headers, content type and content."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

_RESPONSES = "#/components/responses/"
_SCHEMAS = "#/components/schemas/"
#: Content of any kind.
_BYTES = "application/octet-stream"
_STREAM_ITEMS = "x-oai-itemSchema"
#: What a caller sends to a place where nothing is, and by a method that is not there.
_NOWHERE = {"404": {"$ref": f"{_RESPONSES}NotFound"}}
_NO_METHOD = {"405": {"$ref": f"{_RESPONSES}MethodNotAllowed"}}


class Contract:
    """A document, read strictly: an answer's object has no field that is not described."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._components = {"schemas": _strict(document)}
        self._validators: dict[str, Any] = {}

    def faults(self, method: str, target: str, status: int, headers: Mapping[str, str], content: bytes) -> list[str]:
        """What is wrong with an answer; `headers` by lower-case names."""
        where = f"{method} {target}: {status}"
        response = self._responses(method, target).get(str(status))
        if response is None:
            return [f"{where} is not described"]
        response = self._resolved(response)
        if method == "HEAD":
            response = {**response, "content": None}
        return [f"{where}: {fault}" for fault in self._response_faults(response, headers, content)]

    def schema_faults(self, schema: Mapping[str, Any], value: Any, where: str = "content") -> list[str]:
        """What is wrong with a value."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.validator_for({**schema, "components": self._components})
        return [
            f"{where}{error.instance_path}: {error.message[:300]}" for error in self._validators[key].iter_errors(value)
        ]

    def media_faults(self, media: Mapping[str, Any], value: Any) -> list[str]:
        """What is wrong with a value as the content of a request or an answer."""
        if isinstance(value, str):
            return [*self.schema_faults(media["schema"], value), *self._stream_faults(media, value)]
        return self.schema_faults(media["schema"], value)

    def path_of(self, target: str) -> str | None:
        """The path in the document that a target is of."""
        path = urlsplit(target).path
        return next((name for name, pattern in self._patterns.items() if pattern.fullmatch(path)), None)

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        """A model's name may hold slashes."""
        inside = {path: re.split(r"\{\w+\}", path) for path in self.document["paths"]}
        return {
            path: re.compile(("(.*)" if "models" in path else "([^/]+)").join(map(re.escape, parts)))
            for path, parts in inside.items()
        }

    def _responses(self, method: str, target: str) -> dict[str, Any]:
        path = self.path_of(target)
        anything = self.document["paths"]["/health"]["get"]["responses"]
        if path is None:
            return {**anything, **_NOWHERE}
        operation = self.document["paths"][path].get(method.lower())
        responses: dict[str, Any] = {**anything, **_NO_METHOD} if operation is None else operation["responses"]
        return responses

    def _resolved(self, response: dict[str, Any]) -> dict[str, Any]:
        reference = response.get("$ref")
        if reference is None:
            return response
        resolved: dict[str, Any] = self.document["components"]["responses"][reference.removeprefix(_RESPONSES)]
        return resolved

    def _response_faults(self, response: dict[str, Any], headers: Mapping[str, str], content: bytes) -> Iterator[str]:
        for name, header in response["headers"].items():
            if name in headers:
                yield from self.schema_faults(header["schema"], _read(headers[name], header["schema"]), name)
            elif header["required"]:
                yield f"{name} is missing"
        kinds = response.get("content")
        if kinds is None:
            if content:
                yield f"content that is not described: {content[:80]!r}"
            return
        kind = headers.get("content-type", "").partition(";")[0]
        if kind not in kinds:
            yield f"content of type {kind!r}"
            return
        yield from self._content_faults(kind, kinds[kind], content)

    def _content_faults(self, kind: str, media: dict[str, Any], content: bytes) -> list[str]:
        if kind == "application/json":
            return self.media_faults(media, json.loads(content))
        return self.media_faults(media, content.decode("latin-1" if kind == _BYTES else "utf-8"))

    def _stream_faults(self, media: Mapping[str, Any], text: str) -> Iterator[str]:
        items = media.get(_STREAM_ITEMS)
        if items is None:
            return
        if "$ref" in items:
            for line in text.splitlines():
                yield from self.schema_faults(items, json.loads(line), "line")
            return
        for event in events(text):
            yield from self._event_faults(items, event)

    def _event_faults(self, schema: Mapping[str, Any], event: dict[str, str]) -> Iterator[str]:
        yield from self.schema_faults(schema, event, "event")
        if event["data"] != "[DONE]":
            data = next(one for one in schema["properties"]["data"]["anyOf"] if "contentSchema" in one)
            yield from self.schema_faults(data["contentSchema"], json.loads(event["data"]), "data")


def events(text: str) -> Iterator[dict[str, str]]:
    """The events of a stream, comments left out."""
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            yield dict(line.split(": ", 1) for line in lines)


def _strict(document: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas, those of answers alone without room for a field that they do not describe."""
    schemas: dict[str, Any] = copy.deepcopy(document["components"]["schemas"])
    bodies = [operation.get("requestBody") for item in document["paths"].values() for operation in item.values()]
    for name in schemas.keys() - _reached(bodies, schemas):
        if "properties" in schemas[name]:
            schemas[name].setdefault("additionalProperties", False)
    return schemas


def _reached(part: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The names of all schemas that a part of the document is made of."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        one = waiting.pop()
        name = one.get("$ref", "").removeprefix(_SCHEMAS) if isinstance(one, dict) else ""
        if name in schemas and name not in found:
            found.add(name)
            waiting.append(schemas[name])
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return found


def _read(value: str, schema: Mapping[str, Any]) -> str | int:
    return int(value) if schema.get("type") == "integer" and value.isdecimal() else value
