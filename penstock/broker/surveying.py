"""The call by which a leader looks at its pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from penstock.broker.keys import keys_of
from penstock.broker.observing import INSTANCE_FIELDS, InstanceRecord, read_instance, read_numbers, read_waiting
from penstock.broker.script import Call, Script

_SURVEY = Script("survey")


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


def survey(pool: str, lanes: Sequence[str], instances: Sequence[str], page: int) -> Call[View]:
    """All names of a pool, at most `page` jobs of each of these lanes, and these instances."""
    keys = keys_of(pool)
    streams = (key for name in instances for key in (keys.worker(name), keys.inbox(name)))
    return Call(
        _SURVEY,
        (keys.lane_counts, keys.instances, *(keys.lane(name) for name in lanes), *streams),
        (len(lanes), page, *INSTANCE_FIELDS),
        partial(_view, lanes, instances),
    )


def _view(lanes: Sequence[str], instances: Sequence[str], reply: list[Any]) -> View:
    now_ms, counts, names, heads, records, held = reply
    return View(
        now_ms=now_ms,
        depths=read_numbers(counts),
        instances=frozenset(name.decode() for name in names),
        heads={name: read_waiting(entries) for name, entries in zip(lanes, heads, strict=True)},
        records={name: read_instance(name, fields) for name, fields in zip(instances, records, strict=True)},
        held=dict(zip(instances, held, strict=True)),
    )
