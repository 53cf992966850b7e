"""The list of differences that are meant to be, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tests.differential.asking import Way
from tests.differential.judge import Difference

FILE = Path(__file__).parent / "allowed.yaml"


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pattern of differences; what it leaves out may be anything."""

    #: One sentence.
    reason: str
    #: Fields that the request has, each with one of these values; an empty list: with any value.
    where: dict[str, list[Any]] = {}
    #: Names of cases, with wildcards.
    cases: list[str] = []
    ways: list[Way] = []
    #: Names of facts, with wildcards.
    facts: list[str] = []
    #: What Penstock answers, and what would have been right.
    got: list[Any] = []
    right: list[Any] = []
    #: A part of the reference's error message.
    said: str = ""

    def matches(self, one: Difference) -> bool:
        """Whether this difference is one of them."""
        return (
            all(_holds(one.case.body, name, values) for name, values in self.where.items())
            and (not self.cases or any(fnmatchcase(one.case.name, pattern) for pattern in self.cases))
            and (not self.ways or one.way in self.ways)
            and (not self.facts or any(fnmatchcase(one.fact, pattern) for pattern in self.facts))
            and (not self.got or one.got in self.got)
            and (not self.right or one.right in self.right)
            and self.said in one.said[1]
        )


@dataclass
class Sorted:
    """Differences: those that no entry matches, those on the list by its entries, and entries that match nothing."""

    unexplained: list[Difference] = field(default_factory=list)
    explained: dict[str, list[Difference]] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)


def load(file: Path = FILE) -> list[Entry]:
    """The list. Raises msgspec.ValidationError for a malformed entry."""
    return msgspec.yaml.decode(file.read_bytes(), type=list[Entry])


def sort(differences: Iterable[Difference], entries: Sequence[Entry]) -> Sorted:
    """Hold the differences against the list."""
    found = Sorted(explained={entry.reason: [] for entry in entries})
    for one in differences:
        matching = [entry for entry in entries if entry.matches(one)]
        for entry in matching:
            found.explained[entry.reason].append(one)
        if not matching:
            found.unexplained.append(one)
    found.idle = [reason for reason, matched in found.explained.items() if not matched]
    return found


def _holds(body: dict[str, Any], name: str, values: list[Any]) -> bool:
    return name in body and (not values or any(body[name] == one and type(body[name]) is type(one) for one in values))
