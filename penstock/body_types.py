"""What the type of a body allows at a place in it: for errors that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec.inspect as types

#: A step of a path as msgspec writes it: `.name`, `[0]`, or `[...]` for any value of an object.
_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")


def words_at(kind: Any, path: str) -> Sequence[str]:
    """The words that are allowed at a path (`.a[0].b`) in a type; none where not only words are."""
    for part in _parts(kind, path):
        if isinstance(part, types.EnumType):
            return [str(member.value) for member in part.cls]
        if isinstance(part, types.LiteralType):
            return [str(value) for value in part.values]
    return []


def fields_at(kind: Any, path: str) -> Sequence[str]:
    """The names of the fields at a path in a type."""
    return [field.encode_name for part in _parts(kind, path) for field in getattr(part, "fields", ())]


@lru_cache(maxsize=64)
def _root(kind: Any) -> types.Type:
    return types.type_info(kind)


def _parts(kind: Any, path: str) -> Iterator[types.Type]:
    """The types that a value at the path may have."""
    found = list(_members(_root(kind)))
    for step in _STEP.finditer(path):
        found = [member for part in found for inner in _inside(part, step[1]) for member in _members(inner)]
    yield from found


def _members(part: types.Type) -> Iterator[types.Type]:
    if isinstance(part, types.Metadata):
        yield from _members(part.type)
    elif isinstance(part, types.UnionType):
        for member in part.types:
            yield from _members(member)
    else:
        yield part


def _inside(part: types.Type, name: str | None) -> Iterator[types.Type]:
    """What a step leads to: a field by its name, or else any value of a list or an object."""
    if name is not None:
        yield from (field.type for field in getattr(part, "fields", ()) if field.encode_name == name)
    elif isinstance(part, types.DictType):
        yield part.value_type
    elif isinstance(part, types.CollectionType):
        yield part.item_type
