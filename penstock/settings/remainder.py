"""What is left of a wrong configuration, so that what is broken between the right settings is told as well."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from penstock.settings.fault import Place
from penstock.settings.findings import KEY, MISSING
from penstock.settings.sections import Settings


def remainder(tree: dict[str, Any], error: ValidationError) -> Settings | None:
    """The configuration without what pydantic found wrong in it; None if that cannot be taken out."""
    rest = copy.deepcopy(tree)
    for detail in error.errors(include_url=False):
        # Where a setting is missing, or a name cannot be one, the whole entry goes.
        cut = detail["type"] == MISSING or detail["loc"][-1] == KEY
        _take_out(rest, detail["loc"][:-1] if cut else detail["loc"])
    try:
        return Settings(**{"models": {}, "pools": {}, **rest})
    except ValidationError:
        return None


def _take_out(tree: Any, place: Place) -> None:
    """Remove an entry; one of a list with the whole list, whose other entries would get other indices."""
    if not place:
        return
    for step in place[:-1]:
        inner = tree.get(step)
        if not isinstance(inner, dict):
            tree.pop(step, None)
            return
        tree = inner
    tree.pop(place[-1], None)
