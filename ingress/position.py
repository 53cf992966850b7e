"""A place in a job's event stream: the id of an event, and where to go on after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.errors import InvalidRequestError

#: Enough digits for any stream, few enough for any integer type.
_FORM = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Position:
    """After a number of whole tokens, and after some events beyond them.

    The opening event is `0`, the event of token n is `n`; events of one token before its last, and those after the last
    token (finish reason, usage), count up as `n.1`, `n.2`, ...
    """

    tokens: int
    events: int = 0

    @classmethod
    def parse(cls, text: str, param: str) -> Position:
        """Read an event id. Raises InvalidRequestError naming `param`."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise InvalidRequestError(f"{text[:40]!r} is not the id of an event: expected n or n.k.", param=param)
        return cls(int(found[1]), int(found[2] or 0))
