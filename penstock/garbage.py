"""The cyclic garbage collector, set for a process that starts, and for one that serves."""

from __future__ import annotations

import gc

#: Container objects made beyond those freed before the young are looked at. A step makes thousands that die with it:
#: at CPython's 700 a fifth of a worker's time per token went into looking at them.
_YOUNG = 20_000
_MIDDLE = 20
_OLD = 50
#: The same while modules are imported, which makes objects by the hundred thousand, and they stay.
_YOUNG_AT_START = 100_000


def begin() -> None:
    """Call before anything is imported."""
    gc.set_threshold(_YOUNG_AT_START)


def settle() -> None:
    """Call once everything is loaded: what is there now stays, and is never looked at again."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
