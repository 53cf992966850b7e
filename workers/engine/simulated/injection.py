"""A failure that a prompt asks for: `#sim:crash_at=12` in the last user message, and likewise hang, die and error."""

from __future__ import annotations

import re

from workers.engine.simulated.settings import Failure, FailureKind

_REQUEST = re.compile(rf"#sim:({'|'.join(FailureKind)})_at=([1-9][0-9]*)")


def requested_failure(prompt: str) -> Failure | None:
    """The failure that a rendered prompt asks for; earlier turns of a conversation have had theirs."""
    last_turn = prompt.rpartition("user:")[2]
    match = _REQUEST.search(last_turn)
    return None if match is None else Failure(kind=FailureKind(match[1]), at_token=int(match[2]))
