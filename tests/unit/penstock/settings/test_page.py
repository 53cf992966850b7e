from __future__ import annotations

import enum
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec

from penstock.settings.sections import ApiKey, ModelSettings, PoolSettings, Section, Settings
from workers.engine.simulated import SimulatedSettings
from workers.engine.vllm.settings import VllmSettings

PAGE = (Path(__file__).parents[4] / "docs" / "configuration.md").read_text()
#: Where a section is named by the user, or repeated.
NAMED: list[tuple[str, type[msgspec.Struct]]] = [
    ("models.NAME", ModelSettings),
    ("pools.NAME", PoolSettings),
    ("pools.NAME.options", VllmSettings),
    ("pools.NAME.options", SimulatedSettings),
    ("ingress.api_keys[]", ApiKey),
]
#: What an engine takes over from its pool.
INHERITED = {"pools.NAME.options.model", "pools.NAME.options.slots"}


def sections() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    yield from NAMED
    for name, kind in typing.get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            yield name, kind


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default in (None, (), msgspec.NODEFAULT):
        return "none"
    if isinstance(field.default, tuple):
        return f"`{', '.join(field.default)}`"
    value = field.default.value if isinstance(field.default, enum.Enum) else field.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_the_page_lists_each_setting_with_its_default() -> None:
    rows = [tuple(line.split("|")[1:3]) for line in PAGE.splitlines() if line.startswith("| `")]
    settings = [(f"{path}.{field.name}", field) for path, kind in sections() for field in msgspec.structs.fields(kind)]
    expected = [(f" `{path}` ", f" {default(field)} ") for path, field in settings if path not in INHERITED]
    assert sorted(rows) == sorted(expected)
