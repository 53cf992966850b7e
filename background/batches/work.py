"""What everything that works on a batch has in common: its record, its owner's token, and what that may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.broker import batches
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.batches.batch import BatchStatus
    from penstock.broker.client import Broker
    from penstock.settings import Settings
    from penstock.storage import Storage


class DisownedError(PenstockError):
    """Another process owns the batch by now, or it is gone: whatever we were about to do is not ours to do."""


@dataclass(frozen=True, slots=True)
class Work:
    """A batch that this process owns."""

    broker: Broker
    storage: Storage
    settings: Settings
    pool: str
    id: str
    token: str


def check_owned(reply: str) -> None:
    """Raise DisownedError where a script says so."""
    if reply in ("fenced", "missing", "held"):
        raise DisownedError(reply)


async def change(work: Work, status: BatchStatus, fields: Mapping[str, str | int] = {}) -> None:
    """Give the batch another status, unless its status has changed meanwhile: the next look tells.

    Raises DisownedError, BrokerError.
    """
    check_owned(await work.broker.run(batches.change(work.pool, work.id, work.token, status, fields)))
