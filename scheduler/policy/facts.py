"""What is known at the moment of a decision."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from msgspec import Struct


class Liveness(enum.StrEnum):
    """What a worker's beat says of it."""

    ALIVE = "alive"
    #: Silent for long enough to give it no new work, and not long enough to take away what it has.
    SUSPECT = "suspect"
    LOST = "lost"


def entry_ms(entry: str) -> int:
    """When a stream entry was made, by Redis' clock."""
    return int(entry.partition("-")[0])


class Waiting(Struct, frozen=True):
    """A job that waits in a lane."""

    job: str
    lane: str
    #: Its entry in the lane.
    entry: str

    @property
    def queued_ms(self) -> int:
        """Since when it waits, by Redis' clock."""
        return entry_ms(self.entry)


class Lane(Struct, frozen=True):
    """The oldest jobs of a lane."""

    name: str
    heads: Sequence[Waiting]
    #: Whether the lane may hold younger ones than those.
    has_more: bool


class WorkerFacts(Struct, frozen=True):
    """An instance that may be given work."""

    instance: str
    is_ready: bool
    liveness: Liveness
    slots: int
    #: Jobs it holds, taken up or not.
    held: int

    @property
    def free(self) -> int:
        """Jobs it can take."""
        return max(self.slots - self.held, 0)
