"""No-op jobs per second with the ledger and its reader, over those of the same scripts without."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import redis
import uvloop
import yaml

from bench.harness.headline import Bound, Headline, publish
from bench.harness.no_op_jobs import BATCH, jobs_config, run_jobs
from penstock.broker.embedded import find_server
from penstock.broker.keys import PoolKeys
from penstock.usage import usage_of
from tests.harness.processes import ROOT, end, launch
from tests.harness.redis_node import RedisNode

HEADLINE = Headline("ratio", Bound.AT_LEAST, 0.85)
ROUNDS = 5
JOBS = 10_240
#: How long the reader may be behind once the last job has ended.
MOST_LAG_S = 5.0
WITH, WITHOUT = 0, 1

_PACKAGES = ("penstock", "scheduler", "workers", "background")
_ENTERS = re.compile(r"(local function enter_end\(.*?\)\n).*?\nend\n", re.DOTALL)


def without_ledger(folder: Path) -> Path:
    """A copy of the program whose scripts write no ledger."""
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    lib = folder / "penstock" / "broker" / "scripts" / "lib.lua"
    text, found = _ENTERS.subn(r"\1end\n", lib.read_text())
    if found != 1:
        raise RuntimeError("lib.lua has no function enter_end any more")
    lib.write_text(text)
    return folder


@contextlib.contextmanager
def roles(tree: Path, config: Path, *names: tuple[str, ...]) -> Iterator[None]:
    """These processes of a Penstock, from a tree of their own."""
    environ = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-m", "penstock.cli"]
    processes = [
        launch([*command, *name, "--config", str(config)], environ, config.with_suffix(".log"), folder=config.parent)
        for name in names
    ]
    try:
        yield
    finally:
        for process in processes:
            end(process)


def settled_s(client: redis.Redis) -> float:
    """How long it takes until all that has ended is counted; gives up after some time."""
    begun_s = time.perf_counter()
    while client.xlen(PoolKeys("sim").ledger) and time.perf_counter() - begun_s < 4 * MOST_LAG_S:
        time.sleep(0.02)
    return time.perf_counter() - begun_s


def counted(client: redis.Redis) -> tuple[int, int]:
    """Jobs and generated tokens, as they were counted on all days."""
    found = [0, 0]
    for key in client.scan_iter(PoolKeys("sim").usage("*")):
        for measures in usage_of(client.hgetall(key)).values():  # type: ignore[arg-type]  # redis-py mixes its clients up
            found[0] += measures["completed"]
            found[1] += measures["completion_tokens"]
    return found[0], found[1]


async def measure(folder: Path) -> tuple[dict[str, object], list[str]]:
    """Both in turn, a few times over, on one server; and what went wrong."""
    node = RedisNode("redis", find_server(), folder)
    node.configure({"appendonly": "yes"})
    node.start()
    configs = [folder / "with.yaml", folder / "without.yaml"]
    for database, path in enumerate(configs):
        path.write_text(yaml.safe_dump(jobs_config(node.port, database)))
    bare = without_ledger(folder / "tree")
    both: tuple[list[float], list[float]] = ([], [])
    lag_s, warm_up = 0.0, BATCH * 16
    serving = (("scheduler",), ("worker",))
    try:
        with (
            roles(ROOT, configs[WITH], *serving, ("background",)),
            roles(bare, configs[WITHOUT], *serving),
        ):
            for database in (WITH, WITHOUT):
                await run_jobs(node.port, warm_up, database)
            for _ in range(ROUNDS):
                for database in (WITH, WITHOUT):
                    both[database].append(JOBS / await run_jobs(node.port, JOBS, database))
                    if database == WITH:
                        lag_s = max(lag_s, settled_s(node.client))
            jobs, tokens = counted(node.client)
            unwritten = redis.Redis(port=node.port, db=WITHOUT).xlen(PoolKeys("sim").ledger)
    finally:
        node.kill()
    ran = warm_up + ROUNDS * JOBS
    wrong = abs(jobs - ran) + abs(tokens - ran)
    flaws = [f"{wrong} jobs or tokens were counted wrongly"] if wrong else []
    if lag_s > MOST_LAG_S:
        flaws.append(f"the ledger was read to its end {lag_s:.1f} s after the last job")
    if unwritten:
        flaws.append("what was to have no ledger has one")
    return {
        "ratio": round(median(ours / theirs for ours, theirs in zip(*both, strict=True)), 3),
        "wrong": wrong,
        "lag_s": round(lag_s, 2),
        "jobs_s": round(median(both[WITH])),
        "jobs_s_without": round(median(both[WITHOUT])),
        "jobs": ran,
    }, flaws


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        figures, flaws = uvloop.run(measure(Path(name)))
    sys.exit(publish(__file__, HEADLINE, figures, flaws))
