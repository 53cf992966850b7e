"""The cyclic garbage collector, set for a process that serves."""

from __future__ import annotations

import gc

#: Container objects made beyond those freed before the young are looked at. A step makes thousands that die with it:
#: at CPython's 700 a fifth of a worker's time per token went into looking at them.
_YOUNG = 20_000
_MIDDLE = 20
_OLD = 50


def settle() -> None:
    """Call once everything is loaded: what is there now stays, and is never looked at again."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
