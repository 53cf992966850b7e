"""What pydantic finds wrong with a configuration, in Penstock's own words."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from penstock.settings.environment import variable
from penstock.settings.fault import Fault, Place, dotted, shown
from penstock.settings.kinds import LIST, MAPPING, Expected, expected, written
from penstock.settings.rules import nearest, or_perhaps
from penstock.settings.sections import Section, Settings

#: How pydantic calls a setting that is required and not there.
MISSING = "missing"
_SHAPES = {"model_type": MAPPING, "dict_type": MAPPING, "tuple_type": LIST}
#: How pydantic ends the location of a mapping's key.
KEY = "[key]"


def faults_of(error: ValidationError) -> list[Fault]:
    """One fault per finding, but none for a setting that is missing because its name is misspelt."""
    found = [(detail["type"], _fault(detail)) for detail in error.errors(include_url=False)]
    meant = {fault.meant for _, fault in found}
    return [fault for kind, fault in found if kind != MISSING or fault.place not in meant]


def _fault(detail: ErrorDetails) -> Fault:
    kind, value, location = detail["type"], detail["input"], detail["loc"]
    if kind == Expected.ERROR:
        return _unfit(location, value, detail["msg"], is_secret=detail["ctx"]["is_secret"])
    place, section = _located(location)
    if kind == MISSING:
        field = section.model_fields[str(place[-1])]
        return Fault(place, f"{dotted(place)}: missing; give {expected(field)}. ({field.description})")
    if kind in _SHAPES:
        return Fault(place, f"{dotted(place)}: expected {_SHAPES[kind]}, got {shown(value)}.")
    near = nearest(str(place[-1]), section.model_fields)
    meant = (*place[:-1], near) if near else None
    return Fault(place, f"{dotted(place)}: no such setting{or_perhaps(near)}", meant)


def _unfit(location: Place, value: object, words: str, *, is_secret: bool) -> Fault:
    """A value, or a key of a mapping, that is not of its kind."""
    is_key = location[-1] == KEY
    place, section = _located(location[:-1] if is_key else location)
    default = None if is_key else section.model_fields[str(place[-1])].default
    otherwise = f", or leave it out for {written(default)}" if isinstance(default, str | int | float | Path) else ""
    given = _described(value) if is_secret else shown(value)
    path = dotted(place)
    mend = f"mend it in the file or in {variable(path)}{otherwise}"
    return Fault(place, f"{path}: expected {words}, got {given}; {mend}.", meant=place[:-1] if is_key else None)


def _described(value: object) -> str:
    """A wrong value that may be a secret, without what it says."""
    return f"another text of {len(value)} characters" if isinstance(value, str) else "something that is no text"


def _located(location: Place) -> tuple[Place, type[Section]]:
    """A place in which only indices are numbers, and the innermost section on the way to it."""
    place: list[str | int] = []
    section: type[Section] = Settings
    kind: Any = Settings
    for step in location:
        if isinstance(kind, type) and issubclass(kind, Section):
            section = kind
            field = section.model_fields.get(str(step))
            kind = field and field.annotation
            place.append(str(step))
        elif typing.get_origin(kind) is tuple:
            kind = typing.get_args(kind)[0]
            place.append(step)
        else:
            kind = typing.get_args(kind)[1]
            place.append(str(step))
    return tuple(place), section
