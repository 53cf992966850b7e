"""What `GET /v1/pools` tells, as rows of two tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.cli.columns import Column, Kind

#: A column for each class, in the order of service, stands between these.
_BEFORE = (Column("Pool"), Column("Serves"))
_AFTER = (Column("Tokens/s", Kind.NUMBER, rank=1), Column("Jobs/s", Kind.NUMBER, rank=2), Column("Trouble", Kind.TEXT))
WORKER_COLUMNS = (
    Column("Pool"),
    Column("Worker"),
    Column("State"),
    Column("Jobs", Kind.NUMBER),
    Column("Tokens/s", Kind.NUMBER, rank=1),
    Column("KV cache", Kind.NUMBER, rank=2),
    Column("Engine", rank=3),
    Column("Trouble", Kind.TEXT),
)

Pool = Mapping[str, Any]


def classes_of(pools: Iterable[Pool]) -> list[str]:
    """The classes in which jobs wait, over all pools."""
    return list(dict.fromkeys(name for pool in pools for name in pool["queue"]))


def pool_columns(classes: Sequence[str]) -> tuple[Column, ...]:
    """The columns of the pools."""
    return (*_BEFORE, *(Column(name.capitalize(), Kind.NUMBER) for name in classes), *_AFTER)


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
