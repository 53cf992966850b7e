"""The schemas that a document refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ingress.openapi.operation import Operation
from ingress.openapi.requests.components import request_components
from ingress.openapi.schemas import PREFIX, described_types, types_of
from penstock.answers.objects import Error


def components(document: Any, operations: Iterable[Operation]) -> dict[str, Any]:
    """Those that the document names, and those that these name. Raises KeyError for one that nobody made."""
    types = {kind: None for operation in operations for kind in types_of(operation)}
    known = request_components() | described_types([*types, Error])
    used: dict[str, Any] = {}
    waiting = list(_names(document))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = known[name]
            waiting += _names(known[name])
    return dict(sorted(used.items()))


def _names(value: Any) -> Iterator[str]:
    """Of the components that a part of the document refers to."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            yield reference.removeprefix(PREFIX)
        for one in value.values():
            yield from _names(one)
    elif isinstance(value, list):
        for one in value:
            yield from _names(one)
