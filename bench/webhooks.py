"""Webhooks to a receiver that fails one in ten: none missing, none unexpected, no memory growth."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from pathlib import Path

import psutil
import uvloop
import yaml

from bench.harness.headline import Bound, Headline, publish
from bench.harness.receiver import Receiver
from penstock.broker import holding, leading, submission, webhooks
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import find_server
from penstock.broker.holding import Held
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.frames import End, Generated, Result
from penstock.job import NewJob, State, new_job_id
from penstock.job_class import JobClass
from penstock.request import Api
from penstock.webhooks.request import Target, encode_target
from penstock.webhooks.signature import new_secret
from tests.harness.processes import end, spawn
from tests.harness.redis_node import RedisNode

POOL, TENANT, WORKER = "sim", "default", "w.1"
EVENTS = 10_000
#: Jobs that end before memory is measured for the first time.
WARM_UP = 2_000
BATCH = 100
#: For every so many jobs with a webhook one without is added, which the receiver must not hear of.
SILENT_EVERY = 5
FAILS_EVERY = 10
LIMIT_S = 900.0

HEADLINE = Headline("memory_growth_mb", Bound.AT_MOST, 15)


class Jobs:
    """Jobs that end without an engine, by the scripts alone."""

    def __init__(self, broker: Broker, webhook: str) -> None:
        self._broker = broker
        self._webhook = webhook

    async def prepare(self) -> None:
        """Register a leader and a worker with room for all jobs."""
        await self._broker.run(leading.lead(POOL, "bench", 3_600_000))
        fields: dict[str, str | bytes | int | float] = {"state": "ready", "slots": 1_000_000}
        await self._broker.run(holding.register(POOL, "w", WORKER, "", fields))

    async def end(self, count: int) -> set[str]:
        """End `count` jobs with a webhook and some without; returns the ids of those with one."""
        silent = [self._end("") for _ in range(count // SILENT_EVERY)]
        ids = await asyncio.gather(*(self._end(self._webhook) for _ in range(count)), *silent)
        return set(ids[:count])

    async def _end(self, webhook: str) -> str:
        job = NewJob(
            id=new_job_id(POOL),
            api=Api.COMPLETION,
            body=b'{"model": "sim", "prompt": "x"}',
            is_engine_written=False,
            model="sim",
            job_class=JobClass.STANDARD,
            tenant=TENANT,
            webhook=webhook,
            queue_timeout_ms=60_000,
            run_timeout_ms=60_000,
            result_ttl_ms=60_000,
        )
        await self._broker.run(submission.enqueue(job, max_jobs=0, max_bytes=0))
        entry = await self._broker.ask(_entry_of(job.id))
        await self._broker.run(leading.assign(POOL, "bench", job.id, job.lane, entry, WORKER))
        held = Held(job.id, 1, "0-1")
        await self._broker.run(holding.claim(POOL, WORKER, [held]))
        result = Result(End(State.COMPLETED, "stop", completion_tokens=1), Generated([1], ["x"]))
        await self._broker.run(holding.finish(POOL, WORKER, held, result, ttft_ms=1, notices=[]))
        return job.id


def _entry_of(job_id: str) -> Query[str]:
    return Query(("HGET", keys_of(POOL).job(job_id), "entry"), lambda reply: (reply or b"").decode())


async def pending(broker: Broker) -> int:
    """Deliveries that have not ended."""
    now_ms = time.time_ns() // 1_000_000
    answers = await broker.ask_many(webhooks.overdue(TENANT, now_ms, skip=0, count=0, newest=0))
    return webhooks.overdue_of(answers).pending


async def drained(broker: Broker, receiver: Receiver, count: int) -> None:
    """Wait until so many jobs were told of and nothing is pending."""
    async with asyncio.timeout(LIMIT_S):
        while len(receiver.accepted) < count or await pending(broker):  # noqa: ASYNC110 - it is another process's work
            await asyncio.sleep(0.2)


def configuration(folder: Path, port: int) -> Path:
    """Write a configuration with short pauses between attempts; returns its path."""
    path = folder / "config.yaml"
    config = {
        "models": {POOL: {"pool": POOL}},
        "pools": {POOL: {"engine": "simulated"}},
        "redis": {"url": f"redis://127.0.0.1:{port}/0"},
        "webhooks": {"allowed_networks": ["127.0.0.0/8"], "retry_s": [0.2] * 9, "max_in_flight_per_host": 32},
        "telemetry": {"log_level": "warning"},
    }
    path.write_text(yaml.safe_dump(config))
    return path


async def measure(folder: Path) -> dict[str, object]:
    """Warm up, then measure memory, time and what the receiver got."""
    node = RedisNode("redis", find_server(), folder)
    node.configure({"appendonly": "yes"})
    node.start()
    await asyncio.sleep(0.5)
    secret = new_secret()
    receiver = Receiver(secret, fails_every=FAILS_EVERY)
    process = None
    try:
        async with receiver:
            broker = Broker(Endpoint.parse(f"redis://127.0.0.1:{node.port}/0"), timeout_s=10.0)
            jobs = Jobs(broker, encode_target(Target(url=receiver.url, secret=secret)))
            await jobs.prepare()
            process = spawn(["background", "--config", str(configuration(folder, node.port))], {}, folder / "log")
            weighed = psutil.Process(process.pid)
            ended = await jobs.end(WARM_UP)
            await drained(broker, receiver, len(ended))
            before = weighed.memory_info().rss
            begun_s = time.perf_counter()
            for size in itertools.repeat(BATCH, EVENTS // BATCH):
                ended |= await jobs.end(size)
            await drained(broker, receiver, len(ended))
            took_s = time.perf_counter() - begun_s
            growth = weighed.memory_info().rss - before
            await broker.close()
    finally:
        if process is not None:
            end(process)
        node.kill()
    return {
        "memory_growth_mb": round(growth / 2**20, 1),
        "missing": len(ended - receiver.accepted.keys()),
        "unexpected": len(receiver.accepted.keys() - ended) + receiver.unverified,
        "several_ids": sum(len(ids) > 1 for ids in receiver.accepted.values()),
        "events": EVENTS,
        "events_s": round(EVENTS / took_s),
        "attempts_per_event": round(receiver.attempts / len(ended), 3),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        figures = uvloop.run(measure(Path(name)))
    flaws = [f"{figures[what]} {what}" for what in ("missing", "unexpected", "several_ids") if figures[what]]
    sys.exit(publish(__file__, HEADLINE, figures, flaws))
