"""The table of all benches, and its place in a page: between two comments, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.harness.catalogue import Bench

BEGIN = "<!-- bench-all: written by `make bench-all` -->"
END = "<!-- bench-all: end -->"
_HEAD = (
    "| bench | what it shows | headline | measured | aim | met | took |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one bench ended."""

    bench: Bench
    #: What it printed last; None where it ended without.
    result: Mapping[str, Any] | None
    #: Why there is no result.
    failure: str
    took_s: float

    @property
    def is_ok(self) -> bool:
        """Whether it was measured, and its aim met."""
        return self.result is not None and bool(self.result["ok"])

    @property
    def row(self) -> str:
        """Its line of the table."""
        headline = self.bench.headline
        measured, met = self.failure, "failed"
        if self.result is not None:
            measured = "; ".join((f"{self.result['value']:g}", *self.result.get("flaws", ())))
            met = "yes" if self.is_ok else "no"
        cells = (f"`{self.bench.name}`", self.bench.shows, f"`{headline.name}`", measured, headline.aim, met)
        return f"| {' | '.join(cells)} | {self.took_s:.0f} s |"


def table(machine: str, outcomes: Iterable[Outcome]) -> str:
    """All rows, under the machine that they come from."""
    return "\n".join([f"On {machine}:", "", *_HEAD, *(outcome.row for outcome in outcomes)])


def with_table(page: str, text: str) -> str:
    """The page with this text between its two comments. Raises ValueError where it does not have each of them once."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page needs one line {BEGIN} and, below it, one line {END}")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
