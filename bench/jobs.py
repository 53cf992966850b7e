"""No-op jobs per second: submitted through the broker, run by a worker, waited for; beside arq with the same no-op."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from arq import create_pool
from arq.connections import RedisSettings as ArqRedis
from arq.jobs import Job as ArqJob

from penstock.broker import submission
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import find_server
from penstock.broker.keys import ingress_channel
from penstock.broker.subscription import Subscription
from penstock.frames import decode_frame
from penstock.job import JobClass, NewJob, new_job_id
from penstock.request import Api
from tests.harness.processes import ROOT, free_port
from tests.harness.up import running

JOBS = 20_000
ARQ_JOBS = 4_000
WINDOW = 1024
BATCH = 64
BODY = json.dumps({"model": "sim", "prompt": "no-op", "max_tokens": 1}).encode()


def config(port: int) -> dict[str, object]:
    """One pool without latency, on a Redis that the bench has started for both."""
    options = {"itl_ms": 0, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0}
    pool = {"engine": "simulated", "slots": 512, "options": options, "lane_max_jobs": 100_000, "result_ttl_s": 60}
    return {
        "models": {"sim": {"pool": "sim"}},
        "pools": {"sim": pool},
        "redis": {"url": f"redis://127.0.0.1:{port}/0"},
        "telemetry": {"log_level": "warning"},
    }


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """The server that Penstock would embed, with its durability, on a port that arq can reach too."""
    port = free_port()
    command = [str(find_server().path), "--port", str(port), "--dir", str(folder), "--appendonly", "yes", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


async def penstock(port: int, jobs: int) -> float:
    """Seconds for so many jobs from the first submit to the last notice of an end."""
    broker = Broker(Endpoint.parse(f"redis://127.0.0.1:{port}/0"))
    channel = ingress_channel("bench")
    waiting: dict[str, None] = {}
    room = asyncio.Semaphore(WINDOW)
    ended = 0
    all_ended = asyncio.Event()

    def collect(raw: bytes) -> None:
        nonlocal ended
        for delta in decode_frame(raw).every():
            if delta.end and waiting.pop(delta.job, 0) is None:
                assert delta.end.state == "completed", delta
                ended += 1
                room.release()
        if ended == jobs:
            all_ended.set()

    def job() -> NewJob:
        one = NewJob(
            id=new_job_id("sim"),
            api=Api.COMPLETION,
            body=BODY,
            is_rich=False,
            model="sim",
            job_class=JobClass.STANDARD,
            tenant="default",
            listeners=f"f:{channel}",
            queue_timeout_ms=60_000,
            run_timeout_ms=60_000,
            result_ttl_ms=60_000,
        )
        waiting[one.id] = None
        return one

    hears = asyncio.Event()
    subscription = Subscription(broker, channel, deliver=collect, connected=hears.set)
    collector = asyncio.create_task(subscription.run())
    await hears.wait()
    begun = time.perf_counter()
    for _ in range(0, jobs, BATCH):
        for _ in range(BATCH):
            await room.acquire()
        calls = [submission.enqueue(job(), max_jobs=100_000, max_bytes=0) for _ in range(BATCH)]
        replies = await broker.run_many(calls)
        assert all(isinstance(reply, submission.Accepted) for reply in replies)
    await all_ended.wait()
    seconds = time.perf_counter() - begun
    collector.cancel()
    await broker.close()
    return seconds


async def arq(port: int, jobs: int) -> float:
    """The same with arq: one worker process, its results polled for as its own client does."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.arq_worker", str(port)), cwd=ROOT, stderr=subprocess.DEVNULL
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
    """Penstock, then arq, on the same Redis."""
    with redis_server(folder) as port:
        with running(config(port)):
            await penstock(port, BATCH * 16)
            ours = JOBS // BATCH * BATCH / await penstock(port, JOBS // BATCH * BATCH)
        jobs = ARQ_JOBS // WINDOW * WINDOW
        theirs = jobs / await arq(port, jobs)
    return {"jobs_s": round(ours), "arq_jobs_s": round(theirs), "arq_ratio": round(ours / theirs, 2)}


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        result = uvloop.run(measure(Path(name)))
    sys.stdout.write(json.dumps({"bench": "jobs", **result}) + "\n")
