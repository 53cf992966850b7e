"""What a pool may keep when all jobs have ended: records, and the keys of workers that live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from penstock.broker.keys import PoolKeys


def leftovers(client: Any, keys: PoolKeys) -> list[str]:
    """Everything in Redis that nobody will ever need or clear away."""
    return [*_of_jobs(client, keys), *_of_instances(client, keys)]


def _of_jobs(client: Any, keys: PoolKeys) -> Iterator[str]:
    for key in (keys.live, keys.lane_counts, keys.lane_bytes):
        if client.exists(key):
            yield key
    yield from _matching(client, keys.lane)
    if client.xlen(keys.ledger):
        yield f"{keys.ledger}: ends that nobody has accounted for"


def _of_instances(client: Any, keys: PoolKeys) -> Iterator[str]:
    instances = {name.decode() for name in client.smembers(keys.instances)}
    for key_of in (keys.worker, keys.inbox, keys.control, keys.journal):
        known = {key_of(instance) for instance in instances}
        yield from (key for key in _matching(client, key_of) if key not in known)
    for instance in instances:
        if client.hget(keys.worker(instance), "state") in (None, b"lost"):
            yield f"{keys.instances}: {instance}, which is lost"
        if client.xlen(keys.inbox(instance)):
            yield f"{keys.inbox(instance)}: entries of jobs that have ended"


def _matching(client: Any, key_of: Callable[[str], str]) -> list[str]:
    return [key.decode() for key in client.scan_iter(match=f"{key_of('')}*", count=1000)]
