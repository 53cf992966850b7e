"""What a request's query may hold: what its operation declares. Anything else would be overlooked, and is an error."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from ingress.openapi.operation import Where, operation_of
from penstock.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ingress.openapi.operation import Parameter

_DEEP = "deepObject"
_LIST = "[]"
#: Of a name that nobody knows, what its sender needs to find it.
_MOST_SHOWN = 60


def check_query(request: Request) -> None:
    """Raise InvalidRequestError for a parameter that the request's operation does not know, or that is there twice."""
    given = [name for name, _ in request.query_params.multi_items()]
    if given:
        operation = operation_of(request.scope["endpoint"])
        _check([one for one in operation.parameters if one.where is Where.QUERY], given)


def _check(known: Sequence[Parameter], given: Sequence[str]) -> None:
    patterns = [_pattern(one) for one in known]
    for name, times in Counter(given).items():
        shown = name[:_MOST_SHOWN]
        if not any(pattern.fullmatch(name) for pattern in patterns):
            names = ", ".join(one.name.removesuffix(_LIST) for one in known)
            raise InvalidRequestError(f"{shown!r} is no parameter here; there are {names}.", param=shown)
        if times > 1 and not name.endswith(_LIST):
            raise InvalidRequestError(f"{shown} is there {times} times: give it once.", param=shown)


def _pattern(parameter: Parameter) -> re.Pattern[str]:
    """How its name may be written; a list's with its brackets or without, an object's with one of its names in them."""
    name = re.escape(parameter.name.removesuffix(_LIST))
    if parameter.style == _DEEP:
        return re.compile(rf"{name}(\[.*\])?", re.DOTALL)
    return re.compile(rf"{name}(\[\])?" if parameter.name.endswith(_LIST) else name)
