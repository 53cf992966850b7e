"""Jobs that do nothing: submitted through the broker, run by a worker, waited for."""

from __future__ import annotations

import asyncio
import json
import time

from penstock.broker import submission
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.keys import ingress_channel
from penstock.broker.subscription import Subscription
from penstock.frames import decode_frame
from penstock.job import NewJob, new_job_id
from penstock.job_class import JobClass
from penstock.request import Api

#: How many may be on their way.
WINDOW = 1024
BATCH = 64
BODY = json.dumps({"model": "sim", "prompt": "no-op", "max_tokens": 1}).encode()


def jobs_config(port: int, database: int = 0) -> dict[str, object]:
    """One pool without latency, on a Redis that the bench has started for both."""
    options = {"itl_ms": 0, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0}
    pool = {"engine": "simulated", "slots": 512, "options": options, "lane_max_jobs": 100_000, "result_ttl_s": 60}
    return {
        "models": {"sim": {"pool": "sim"}},
        "pools": {"sim": pool},
        "redis": {"url": f"redis://127.0.0.1:{port}/{database}"},
        "telemetry": {"log_level": "warning"},
    }


async def run_jobs(port: int, jobs: int, database: int = 0) -> float:
    """Seconds for so many jobs from the first submit to the last notice of an end."""
    broker = Broker(Endpoint.parse(f"redis://127.0.0.1:{port}/{database}"))
    # Channels know no databases.
    channel = ingress_channel(f"bench-{database}")
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
            is_engine_written=False,
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
