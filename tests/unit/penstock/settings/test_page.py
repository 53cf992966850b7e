from __future__ import annotations

import enum
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec

from penstock.settings.sections import ApiKey, ModelSettings, PoolSettings, Section, Settings

PAGE = (Path(__file__).parents[4] / "docs" / "configuration.md").read_text()
#: Where a section is named by the user, or repeated.
NAMED: dict[str, type[Section]] = {
    "models.NAME": ModelSettings,
    "pools.NAME": PoolSettings,
    "ingress.api_keys[]": ApiKey,
}


def sections() -> Iterator[tuple[str, type[Section]]]:
    yield from NAMED.items()
    for name, kind in typing.get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            yield name, kind


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default in (None, (), msgspec.NODEFAULT):
        return "none"
    value = field.default.value if isinstance(field.default, enum.Enum) else field.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_the_page_lists_each_setting_with_its_default() -> None:
    rows = [tuple(line.split("|")[1:3]) for line in PAGE.splitlines() if line.startswith("| `")]
    fields = [(path, field) for path, kind in sections() for field in msgspec.structs.fields(kind)]
    assert sorted(rows) == sorted((f" `{path}.{field.name}` ", f" {default(field)} ") for path, field in fields)
