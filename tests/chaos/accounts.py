"""Whether every end of a job was accounted for, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from penstock.broker.keys import PoolKeys
from penstock.job import State, run_of
from penstock.usage import usage_of


def miscounts(client: Any, keys: PoolKeys) -> Iterator[str]:
    """What the pool's counters say that its records do not, once nothing waits in the ledger.

    Each run of a job ended once, whether it was replaced by another or not; one that completed never is.
    """
    counted = Counter[str]()
    for key in client.scan_iter(match=keys.usage("*"), count=1000):
        for measures in usage_of(client.hgetall(key)).values():
            counted.update(measures)
    ends, completed = 0, 0
    for key in list(client.scan_iter(match=f"{keys.job('')}*", count=1000)):
        fence, state = client.hmget(key, "fence", "state")
        ends += run_of(int(fence)) + State(state.decode()).terminal
        completed += state == State.COMPLETED.encode()
    for what, expected in (("jobs", ends), ("completed", completed)):
        if counted[what] != expected:
            yield f"{keys.usage('*')}: {counted[what]} {what} are counted, {expected} are recorded"
