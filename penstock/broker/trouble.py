"""What keeps a duty from its work: told once when it begins and once when it is over, and tried again meanwhile."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from penstock.broker.diagnosis import wrong_keys
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.pauses import GrowingPause
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from penstock.broker.client import Broker

#: Causes of one spell that are told, each in a line of its own; whatever has more than that is told by the first.
_MOST_TOLD = 10
#: Characters of a cause that are told.
_SHOWN_CHARACTERS = 300
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

_log = logs.get()


class Duty(enum.StrEnum):
    """What somebody does for a pool again and again; a metric's label."""

    LEAD = "lead"
    DISPATCH = "dispatch"
    REAP = "reap"
    EXPIRE = "expire"
    RECONCILE = "reconcile"
    GAUGES = "gauges"
    LEDGER = "ledger"
    BATCHES = "batches"


class Trouble:
    """The trouble of one duty of one pool."""

    def __init__(self, broker: Broker, pool: str, duty: Duty) -> None:
        self._broker = broker
        self._pool = pool
        self._duty = duty
        #: By cause: what was told, and what the pass under way has met.
        self._told: set[str] = set()
        self._met: set[str] = set()
        self._pause = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._gauge = metrics.POOL_TROUBLES.labels(pool, duty)
        self._gauge.inc(0)

    async def met(self, *errors: Exception) -> None:
        """These came up in the pass under way, which may go on with what they do not concern."""
        for error in errors[:_MOST_TOLD]:
            cause = await self._cause(error)
            self._met.add(cause)
            if cause not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add(cause)
                self._gauge.inc()
                about = {"pool": self._pool, "duty": self._duty, "cause": cause, "error": str(error)}
                _log.error(events.POOL_TROUBLED, **about, exc_info=_unexpected(error))

    async def readable(self, answers: Sequence[Any]) -> list[Any]:
        """Answers as they came, None for those that are errors."""
        await self.met(*(one for one in answers if isinstance(one, Exception)))
        return [None if isinstance(one, Exception) else one for one in answers]

    def passed(self) -> None:
        """A pass is through: what it did not meet is over."""
        for cause in self._told - self._met:
            self._end(cause)
        self._met.clear()
        self._pause.reset()

    async def failed(self, error: Exception) -> float:
        """A pass ended so; returns how long to pause before the next: longer each time, until one is through."""
        await self.met(error)
        self._met.clear()
        return self._pause.next_s()

    def close(self) -> None:
        """Somebody else has the duty now, and the trouble with it."""
        self._gauge.dec(len(self._told))
        self._told.clear()

    def _end(self, cause: str) -> None:
        self._told.discard(cause)
        self._gauge.dec()
        _log.info(events.POOL_RECOVERED, pool=self._pool, duty=self._duty, cause=cause)

    async def _cause(self, error: Exception) -> str:
        """The keys that are wrong, or what else is known."""
        found: Sequence[str] = ()
        if isinstance(error, BrokerDataError):
            metrics.REDIS_ERRORS.labels(kind="data").inc()
            with suppress(BrokerUnavailableError):
                found = await wrong_keys(self._broker, error.keys) or error.keys
        return (", ".join(found) or f"{type(error).__name__}: {error}")[:_SHOWN_CHARACTERS]


def _unexpected(error: Exception) -> Exception | None:
    """For the log: where an error of ours comes from."""
    return None if isinstance(error, BrokerDataError) else error
