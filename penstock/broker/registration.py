"""How a worker begins an epoch."""

from __future__ import annotations

from penstock.broker.client import Broker
from penstock.broker.epochs import epoch_of, next_epoch
from penstock.broker.holding import register
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.broker.script import Argument


async def new_instance(broker: Broker, pool: str, name: str, fields: dict[str, Argument], *, last: str = "") -> str:
    """Register a worker under a fresh epoch, which fences what had its name before; returns the instance.

    `last` is the instance that it was so far: it is never the same again, even if Redis has lost everything.
    Raises BrokerUnavailableError, BrokerDataError.
    """
    while True:
        before = await broker.ask(_newest(pool, name))
        epoch = await broker.run(next_epoch(pool, max(epoch_of(before), epoch_of(last))))
        instance = f"{name}.{epoch}"
        if await broker.run(register(pool, name, instance, before, fields)) == "registered":
            return instance


def _newest(pool: str, name: str) -> Query[str]:
    return Query(("HGET", keys_of(pool).workers, name), _name)


def _name(reply: bytes | None) -> str:
    return (reply or b"").decode()
