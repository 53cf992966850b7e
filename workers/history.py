"""What became of a worker's former processes, and how long its next one waits."""

from __future__ import annotations

import enum
from dataclasses import dataclass

#: A process that served for so long did start: its end is a new story.
SETTLED_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Cause(enum.StrEnum):
    """Why a worker process ended unasked."""

    ENGINE_START = "engine_start"
    ENGINE_DEATH = "engine_death"
    #: A signal, or an error of ours.
    CRASH = "crash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of one process."""

    #: None: it was asked to.
    cause: Cause | None
    why: str
    #: How long it was ready; 0 if it never was.
    served_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a new process is told of those before it."""

    #: In a row.
    failures: int = 0
    why: str = ""
    #: Since the host started: a process takes its counters with it.
    engine_start_failures: int = 0
    engine_deaths: int = 0
    #: Whether the host has let the pause pass, because the last process did not live to keep it.
    has_paused: bool = False

    @property
    def pause_s(self) -> float:
        """How long to wait before starting an engine: not at all the first time, then longer and longer."""
        if self.failures <= 1 or self.has_paused:
            return 0.0
        return min(_FIRST_PAUSE_S * 2.0 ** (self.failures - 2), _LONGEST_PAUSE_S)

    def after(self, ended: Ended) -> History:
        """What the next process is told."""
        if ended.cause is None:
            return History(
                engine_start_failures=self.engine_start_failures,
                engine_deaths=self.engine_deaths,
            )
        return History(
            failures=1 if ended.served_s >= SETTLED_S else self.failures + 1,
            why=ended.why,
            engine_start_failures=self.engine_start_failures + (ended.cause is Cause.ENGINE_START),
            engine_deaths=self.engine_deaths + (ended.cause is Cause.ENGINE_DEATH),
        )
