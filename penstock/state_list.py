"""Lists of states as the scripts take them: a state is looked for between two commas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

S = TypeVar("S", bound=str)


def state_list(states: Iterable[str]) -> str:
    """Such as `,queued,assigned,`."""
    return "," + "".join(f"{state}," for state in states)


def sources_of(target: S, transitions: Mapping[S, frozenset[S]]) -> str:
    """The list of the states that may become `target`."""
    return state_list(state for state, targets in transitions.items() if target in targets)
