"""A term: one leadership of one pool, from winning the lease to losing it or giving it up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from penstock.broker.client import Broker
from penstock.broker.trouble import Duty, Trouble
from penstock.settings import PoolSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What every duty of a leader needs; each stops soon after `over` is set."""

    pool: str
    #: Proves the leadership to the scripts.
    token: str
    broker: Broker
    settings: PoolSettings
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def queue_timeout_ms(self) -> int:
        """How long a job that is queued again may wait, where its record does not say."""
        return round(self.settings.queue_timeout_s * 1000)

    def end_if_deposed(self, reply: object) -> None:
        """Stop acting as soon as a script says that another leads."""
        if reply == "not_leader":
            self.over.set()

    def trouble(self, duty: Duty) -> Trouble:
        """What will keep that duty from its work."""
        return Trouble(self.broker, self.pool, duty)
