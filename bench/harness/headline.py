"""A bench's headline: one figure over another of the same run, so that it means the same on every machine."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Bound(enum.StrEnum):
    """On which side of its aim a figure is good."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Headline:
    """The figure by which a bench is judged."""

    #: Its name among the figures of the bench.
    name: str
    bound: Bound
    limit: float

    @property
    def aim(self) -> str:
        """As people read it."""
        return f"{self.bound} {self.limit:g}"

    def is_met(self, value: float) -> bool:
        """Whether a value is as good as the aim."""
        return value <= self.limit if self.bound is Bound.AT_MOST else value >= self.limit


def judged(name: str, headline: Headline, figures: Mapping[str, Any], flaws: Sequence[str] = ()) -> dict[str, Any]:
    """The object that a bench prints; `flaws` are sentences about what must not happen however good the figure is."""
    value = figures[headline.name]
    return {
        "bench": name,
        "headline": headline.name,
        "value": value,
        "aim": headline.aim,
        "ok": headline.is_met(value) and not flaws,
        **({"flaws": list(flaws)} if flaws else {}),
        **figures,
    }


def publish(file: str, headline: Headline, figures: Mapping[str, Any], flaws: Sequence[str] = ()) -> int:
    """Print the object of the bench in this file as the last line; returns the exit status, 1 where it is not ok."""
    result = judged(Path(file).stem, headline, figures, flaws)
    sys.stdout.write(json.dumps(result) + "\n")
    return int(not result["ok"])
