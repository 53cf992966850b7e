"""The call by which a leader looks at its pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from penstock.broker.client import read
from penstock.broker.keys import keys_of
from penstock.broker.observing import (
    INSTANCE_FIELDS,
    InstanceRecord,
    read_instance,
    read_numbers,
    read_waiting,
    unreadable_instance,
)
from penstock.broker.script import Call, Script
from penstock.errors import BrokerDataError

T = TypeVar("T")

_SURVEY = Script("survey")
#: What an inbox holds that is none: more than any worker has slots for.
_FULL = 1 << 31


@dataclass(frozen=True, slots=True)
class View:
    """A pool at one moment: all of its names, and the details that were asked for."""

    #: Redis' clock.
    now_ms: int
    #: Waiting jobs by lane: all lanes there are.
    depths: Mapping[str, int]
    #: Every instance that is not retired yet.
    instances: frozenset[str]
    #: By lane asked for: job id and entry id of its first jobs, oldest first.
    heads: Mapping[str, list[tuple[str, str]]]
    #: By instance asked for.
    records: Mapping[str, InstanceRecord]
    #: By instance asked for: the jobs it holds.
    held: Mapping[str, int]
    #: What of the details could not be read: a lane has then no jobs, an instance can take none.
    errors: Sequence[BrokerDataError]


def survey(pool: str, lanes: Sequence[str], instances: Sequence[str], page: int) -> Call[View]:
    """All names of a pool, at most `page` jobs of each of these lanes, and these instances."""
    keys = keys_of(pool)
    streams = (key for name in instances for key in (keys.worker(name), keys.inbox(name)))
    return Call(
        _SURVEY,
        (keys.lane_counts, keys.instances, *(keys.lane(name) for name in lanes), *streams),
        (len(lanes), page, *INSTANCE_FIELDS),
        partial(_view, pool, lanes, instances),
    )


def _view(pool: str, lanes: Sequence[str], instances: Sequence[str], reply: list[Any]) -> View:
    now_ms, counts, names, heads, records, held = reply
    keys, errors = keys_of(pool), list[BrokerDataError]()

    def readable(parse: Callable[[Any], T], part: Any, key: str, otherwise: T) -> T:
        try:
            return read(parse, part, (_SURVEY.name, key))
        except BrokerDataError as error:
            errors.append(error)
            return otherwise

    return View(
        now_ms=now_ms,
        depths=read_numbers(counts),
        instances=frozenset(name.decode() for name in names),
        heads={
            name: readable(read_waiting, entries, keys.lane(name), [])
            for name, entries in zip(lanes, heads, strict=True)
        },
        records={
            name: readable(partial(read_instance, name), fields, keys.worker(name), unreadable_instance(name))
            for name, fields in zip(instances, records, strict=True)
        },
        held={name: readable(int, count, keys.inbox(name), _FULL) for name, count in zip(instances, held, strict=True)},
        errors=errors,
    )
