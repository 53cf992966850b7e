"""Every section of the configuration and the path of its settings."""

from __future__ import annotations

import typing
from collections.abc import Iterator

from penstock.settings.sections import Section, Settings


def sections(kind: type[Section] = Settings, path: str = "") -> Iterator[tuple[str, type[Section]]]:
    """A section and all inside it with their paths, where NAME stands for one that users choose: `pools.NAME`."""
    yield path, kind
    for name, field in kind.model_fields.items():
        where = f"{path}.{name}" if path else name
        for suffix, inner in _inside(field.annotation):
            yield from sections(inner, where + suffix)


def _inside(annotation: object) -> Iterator[tuple[str, type[Section]]]:
    """The section that a setting consists of, and what leads from the setting's name to the names inside."""
    container = typing.get_origin(annotation)
    suffix = ".NAME" if container is dict else "[]" if container is tuple else ""
    for kind in (annotation, *typing.get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            yield suffix, kind
