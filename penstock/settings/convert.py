"""From a tree of plain values to frozen settings, with errors that name the setting."""

from __future__ import annotations

import enum
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from penstock.errors import SettingsError
from penstock.settings.environment import variable
from penstock.settings.rules import did_you_mean
from penstock.settings.sections import Section, Settings

_WORDS = {
    bool: "true or false",
    Path: "a path",
    dict[str, Any]: "settings inside (`key: value` lines)",
    tuple[str, ...]: "a list of texts",
}


def to_settings(tree: Mapping[str, Any]) -> Settings:
    """Convert a whole configuration. Raises SettingsError for the first value that does not fit."""
    return typing.cast("Settings", _section(Settings, tree, ""))


def _section(kind: type[Section], value: object, path: str) -> Section:
    tree = _mapping(value, path)
    fields = msgspec.structs.fields(kind)
    _refuse_unknown(tree, [field.name for field in fields], path)
    hints = typing.get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    for field in fields:
        where = f"{path}.{field.name}" if path else field.name
        if field.name in tree:
            values[field.name] = _value(hints[field.name], tree[field.name], where, field.default)
        elif field.required:
            raise SettingsError(f"{where}: missing; give {expected(hints[field.name])}.")
    return kind(**values)


def _value(kind: Any, value: object, path: str, default: object = msgspec.NODEFAULT) -> object:
    if _is_section(kind):
        return _section(kind, value, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict and _is_section(arguments[1]):
        return {
            _plain(arguments[0], name, f"{path}.{name}"): _section(arguments[1], entry, f"{path}.{name}")
            for name, entry in _mapping(value, path).items()
        }
    if origin is tuple and _is_section(arguments[0]):
        if not isinstance(value, list):
            raise SettingsError(f"{path}: expected a list, got {value!r}.")
        return tuple(_section(arguments[0], entry, f"{path}[{index}]") for index, entry in enumerate(value))
    return _plain(kind, value, path, default)


def _plain(kind: Any, value: object, path: str, default: object = msgspec.NODEFAULT) -> Any:
    try:
        return msgspec.convert(value, kind, dec_hook=_decode)
    except msgspec.ValidationError:
        otherwise = f", or leave it out for {default}" if isinstance(default, str | int | float | Path) else ""
        raise SettingsError(
            f"{path}: expected {expected(kind)}, got {value!r}; mend it in the file or in {variable(path)}{otherwise}."
        ) from None


def _decode(_: type, value: object) -> Path:
    if isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError


def expected(kind: Any) -> str:
    """What a setting of that type takes, as the end of "expected …"."""
    if typing.get_origin(kind) is typing.Annotated:
        return str(kind.__metadata__[0].description)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in kind)
    if type(None) in typing.get_args(kind):
        return expected(typing.get_args(kind)[0])
    return _WORDS.get(kind, "settings inside (`key: value` lines)")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _mapping(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{path}: expected {_WORDS[dict[str, Any]]}, got {value!r}.")
    return value


def _refuse_unknown(tree: Mapping[str, Any], known: list[str], path: str) -> None:
    for key in tree:
        if key not in known:
            where = f"{path}.{key}" if path else str(key)
            raise SettingsError(f"{where}: no such setting{did_you_mean(str(key), known)}")
