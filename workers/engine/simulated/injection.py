"""A failure that a prompt asks for: `#sim:crash_at=12` in the last user message, and likewise the other kinds."""

from __future__ import annotations

import ctypes
import re

from workers.engine.simulated.settings import InjectedFailure, InjectedFailureKind

_REQUEST = re.compile(rf"#sim:({'|'.join(InjectedFailureKind)})_at=([1-9][0-9]*)")

#: Unlike CDLL, it keeps the interpreter's lock for the length of a call.
_KEEPING_THE_LOCK = ctypes.PyDLL(None)


def requested_failure(prompt: str) -> InjectedFailure | None:
    """The failure that a rendered prompt asks for; earlier turns of a conversation have had theirs."""
    last_turn = prompt.rpartition("user:")[2]
    match = _REQUEST.search(last_turn)
    return None if match is None else InjectedFailure(kind=InjectedFailureKind(match[1]), at_token=int(match[2]))


def seize_interpreter(seconds: float) -> None:
    """Let no Python code of this process run for so long, as a call in C does that is long and careless."""
    _KEEPING_THE_LOCK.usleep(round(seconds * 1e6))
