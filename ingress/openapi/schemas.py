"""From what a route declares of a value to a schema: msgspec's types become references to components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ingress.openapi.operation import Component, Described, Operation

PREFIX = "#/components/schemas/"
REFERENCE = f"{PREFIX}{{name}}"


def schema_of(described: Described) -> dict[str, Any]:
    """The schema, as it stands or by reference."""
    if isinstance(described, Component):
        return {"$ref": f"{PREFIX}{described.name}"}
    if isinstance(described, Mapping):
        return dict(described)
    return {"$ref": f"{PREFIX}{described.__name__}"}


def types_of(operation: Operation) -> Iterable[type]:
    """All types that an operation's body and answers are declared by."""
    values = [media.schema for reply in operation.replies for media in reply.media]
    values += [kind for reply in operation.replies for media in reply.media for kind in media.types]
    values += [operation.body.schema] if operation.body else []
    return [value for value in values if isinstance(value, type)]


def described_types(types: Iterable[type]) -> dict[str, Any]:
    """Each type, and all that it is made of, as components."""
    _, made = msgspec.json.schema_components(list(types), ref_template=REFERENCE)
    return made
