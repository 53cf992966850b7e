"""What `GET /v1/pools` tells, as rows of two tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: Lanes of a pool, in the order in which they are served, stand between these.
_BEFORE = ("Pool", "Serves")
_AFTER = ("Tokens/s", "Jobs/s", "Trouble")
WORKER_HEADINGS = ("Pool", "Worker", "State", "Jobs", "Tokens/s", "KV cache", "Engine", "Trouble")

Pool = Mapping[str, Any]


def classes_of(pools: Iterable[Pool]) -> list[str]:
    """The classes in which jobs wait, over all pools."""
    return list(dict.fromkeys(name for pool in pools for name in pool["queue"]))


def pool_headings(classes: Sequence[str]) -> tuple[str, ...]:
    """What the columns of the pools are called."""
    return (*_BEFORE, *(name.capitalize() for name in classes), *_AFTER)


def pool_row(pool: Pool, classes: Sequence[str]) -> tuple[str, ...]:
    """One pool: what waits by class, and how fast it works."""
    return (
        pool["id"],
        "yes" if pool["serves"] else "no",
        *(str(pool["queue"].get(name, {}).get("jobs", 0)) for name in classes),
        f"{pool['tokens_per_s']:.1f}",
        f"{pool['jobs_per_s']:.2f}",
        pool["failing"] or "; ".join(pool["troubles"]),
    )


def worker_rows(pools: Iterable[Pool]) -> list[tuple[str, ...]]:
    """Every worker of every pool."""
    return [
        (
            pool["id"],
            worker["name"],
            worker["state"],
            f"{worker['jobs']}/{worker['slots']}",
            f"{worker['tokens_per_s']:.1f}",
            f"{worker['kv_cache_usage']:.0%}",
            worker["engine"],
            worker["why"],
        )
        for pool in pools
        for worker in pool["workers"]
    ]
