"""A tenant's records of all pools as one list, the newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.broker.query import Query

T = TypeVar("T")

#: Records of a pool that are read in one round trip.
_PAGE = 100

#: When a record was made, Unix milliseconds, and its id; greater is newer.
Place = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Generic[T]):
    """Where a tenant's records of some kind are found; what each is called with first is the pool."""

    #: Places, the newest first: none after a moment (None: any), so many skipped, so many taken.
    places: Callable[[str, int | None, int, int], Query[list[Place]]]
    #: What a list says of one; None where its record is gone.
    record: Callable[[str, str], Query[T | None]]
    #: Strikes those off whose records are gone.
    forget: Callable[[str, Sequence[str]], Query[int]]


async def newest_first(
    broker: Broker, index: Index[T], pools: Sequence[str], *, newest_ms: int | None, after: Place | None
) -> AsyncIterator[tuple[Place, T]]:
    """All records that are no newer, and behind that place. Raises BrokerUnavailableError, BrokerDataError."""
    lists = [_of_pool(broker, index, pool, newest_ms, after) for pool in pools]
    heads = {number: head for number, one in enumerate(lists) if (head := await anext(one, None)) is not None}
    while heads:
        newest = max(heads, key=lambda number: heads[number][0])
        yield heads.pop(newest)
        following = await anext(lists[newest], None)
        if following is not None:
            heads[newest] = following


async def _of_pool(
    broker: Broker, index: Index[T], pool: str, newest_ms: int | None, after: Place | None
) -> AsyncIterator[tuple[Place, T]]:
    skip = 0
    while True:
        places = await broker.ask(index.places(pool, newest_ms, skip, _PAGE))
        due = [place for place in places if after is None or place < after]
        # One that cannot be read is left out: whoever asks for it is told.
        found = await broker.ask_each([index.record(pool, name) for _, name in due]) if due else []
        gone = [name for (_, name), one in zip(due, found, strict=True) if one is None]
        if gone:
            await broker.ask(index.forget(pool, gone))
        for place, one in zip(due, found, strict=True):
            if one is not None and not isinstance(one, Exception):
                yield place, one
        if len(places) < _PAGE:
            return
        # Those that were just struck off are not there to be skipped.
        skip += len(places) - len(gone)
