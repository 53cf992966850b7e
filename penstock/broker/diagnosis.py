"""Which key it is that holds something else than we wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.broker.keys import type_of
from penstock.broker.query import Query

if TYPE_CHECKING:
    from penstock.broker.client import Broker

_NOTHING = "none"


async def wrong_keys(broker: Broker, keys: Sequence[str]) -> list[str]:
    """Those of another type than ours: `…:live is a string, not a zset`. Raises BrokerUnavailableError."""
    found = await broker.ask_each([Query(("TYPE", key), _word) for key in keys])
    return [
        f"{key} is a {type_}, not a {type_of(key)}"
        for key, type_ in zip(keys, found, strict=True)
        if type_ not in (_NOTHING, type_of(key))
    ]


def _word(reply: bytes) -> str:
    return reply.decode()
