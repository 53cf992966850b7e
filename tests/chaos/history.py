"""What was done to a stack, and when."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class History:
    """Written by whoever breaks something, read by whoever has to find out what happened."""

    events: list[tuple[float, str]] = field(default_factory=list)
    #: Faults by kind.
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, event: str) -> None:
        """Write down what was just done."""
        self.events.append((time.monotonic(), event))
