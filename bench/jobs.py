"""No-op jobs per second, over those of arq on the same Redis."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import uvloop
from arq import create_pool
from arq.connections import RedisSettings as ArqRedis
from arq.jobs import Job as ArqJob

from bench.harness.headline import Bound, Headline, publish
from bench.harness.no_op_jobs import BATCH, WINDOW, jobs_config, run_jobs
from penstock.broker.embedded import find_server
from tests.harness.processes import ROOT
from tests.harness.redis_node import RedisNode
from tests.harness.up import running

HEADLINE = Headline("arq_ratio", Bound.AT_LEAST, 3)
ROUNDS = 3
#: Whole batches of either.
JOBS = 10_240
ARQ_JOBS = 3 * WINDOW


async def arq(port: int, jobs: int) -> float:
    """The same with arq: one worker process, its results polled for as its own client does."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.harness.arq_worker", str(port)), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        pool = await create_pool(ArqRedis(port=port, database=1))

        async def batch(size: int) -> None:
            queued = await asyncio.gather(*(pool.enqueue_job("no_op") for _ in range(size)))
            await asyncio.gather(
                *(one.result(timeout=120, poll_delay=0.05) for one in queued if isinstance(one, ArqJob))
            )

        await batch(10)
        begun = time.perf_counter()
        for _ in range(0, jobs, WINDOW):
            await batch(min(WINDOW, jobs))
        seconds = time.perf_counter() - begun
        await pool.aclose()
        return seconds
    finally:
        worker.kill()
        await worker.wait()


async def measure(folder: Path) -> dict[str, object]:
    """Penstock and arq in turn, a few times over, on a server as durable as the one that Penstock embeds."""
    node = RedisNode("redis", find_server(), folder)
    node.configure({"appendonly": "yes"})
    node.start()
    ours, theirs = [], []
    try:
        with running(jobs_config(node.port)):
            await run_jobs(node.port, BATCH * 16)
            for _ in range(ROUNDS):
                ours.append(JOBS / await run_jobs(node.port, JOBS))
                theirs.append(ARQ_JOBS / await arq(node.port, ARQ_JOBS))
    finally:
        node.kill()
    return {
        "arq_ratio": round(median(us / them for us, them in zip(ours, theirs, strict=True)), 2),
        "jobs_s": round(median(ours)),
        "arq_jobs_s": round(median(theirs)),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        figures = uvloop.run(measure(Path(name)))
    sys.exit(publish(__file__, HEADLINE, figures))
