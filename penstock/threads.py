"""How a process that serves shares Python's interpreter with its own threads."""

from __future__ import annotations

import sys

#: How long a thread may go on while the event loop waits. Each write to a socket lets the interpreter go for a moment:
#: at CPython's 5 ms, sixteen streams beside one thread that works stood still for a fifth of a second per token.
_SWITCH_S = 0.001


def settle() -> None:
    """Call once, in a process whose event loop must not wait for its threads."""
    sys.setswitchinterval(_SWITCH_S)
