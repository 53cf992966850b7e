"""What memory grows by over 100,000 jobs, over what allocators may keep."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil
import redis
import uvloop

from bench.harness.headline import Bound, Headline, publish
from bench.harness.http_client import HttpClient
from penstock.broker.keys import PoolKeys
from tests.harness.up import Up, running
from tests.waiting import eventually

HEADLINE = Headline("slack_used", Bound.AT_MOST, 1)
JOBS = 100_000
WARM_UP_JOBS = 1_000
CONNECTIONS = 48
RESULT_TTL_S = 2.0
EXPIRY_S = 60.0
MEBI = 1 << 20
#: What a process may have more in the end than after its warm-up: allocators keep some of what they once had.
PROCESS_SLACK = (0.10, 8 * MEBI)
REDIS_SLACK = (0.10, 1 * MEBI)

ENGINE = {"itl_ms": 0, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0}
CONFIG = {
    "models": {"sim": {"pool": "sim"}},
    "pools": {
        "sim": {
            "engine": "simulated",
            "workers": 2,
            "slots": 128,
            "lane_max_jobs": 10_000,
            "result_ttl_s": RESULT_TTL_S,
            "options": ENGINE,
        }
    },
    "telemetry": {"log_level": "warning"},
}


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: what Redis holds, and each process's share of what it has mapped (PSS)."""

    redis: int
    processes: dict[str, int]


class Load:
    """Jobs of every kind, numbered; a kind comes up again every so often."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._next = 0

    async def run(self, jobs: int) -> None:
        """So many more jobs, over all connections."""
        until = self._next + jobs
        await asyncio.gather(*(self._connection(until) for _ in range(CONNECTIONS)))

    async def _connection(self, until: int) -> None:
        client = HttpClient(self._port)
        while self._next < until:
            number = self._next
            self._next += 1
            await self._one(client, number)
        client.close()

    async def _one(self, client: HttpClient, number: int) -> None:
        prompt = f"job {number}"
        if number % 100 == 0:
            await client.leave("/v1/completions", {**_completion(prompt, 2000), "stream": True})
            return
        if number % 10 == 0:
            body: dict[str, Any] = {"model": "sim", "max_tokens": 8, "messages": [{"role": "user", "content": prompt}]}
            reply = await client.ask("POST", "/v1/chat/completions", {**body, "stream": True})
        else:
            headers = {"idempotency-key": prompt} if number % 7 == 0 else {}
            reply = await client.ask("POST", "/v1/completions", _completion(prompt, 4), headers)
        assert reply.status == 200, reply
        if number % 50 == 1:
            job = reply.headers["x-penstock-job-id"]
            assert (await client.ask("GET", f"/v1/jobs/{job}")).status == 200
            assert (await client.ask("GET", f"/v1/jobs/{job}/events")).body.endswith(b"[DONE]\n\n")


def _completion(prompt: str, max_tokens: int) -> dict[str, Any]:
    return {"model": "sim", "prompt": prompt, "max_tokens": max_tokens}


def settled(up: Up) -> Memory:
    """Memory once every record has expired. Raises TimeoutError if some never does."""
    with redis.Redis.from_url(up.redis_url) as client:
        if not eventually(lambda: not _has_records(client), EXPIRY_S):
            raise TimeoutError("there are records that do not expire")
        # The list of jobs has a length of its own, which is bounded, and says how many there were lately.
        client.delete(PoolKeys("sim").job_index("default"))
        info: dict[str, Any] = client.info("memory")
    names = {
        f"{role}-{number}": process
        for role, processes in up.by_role().items()
        for number, process in enumerate(processes)
        if role != "redis"
    }
    return Memory(info["used_memory"], {name: _pss(process) for name, process in sorted(names.items())})


def _has_records(client: redis.Redis) -> bool:
    return next(client.scan_iter(match=f"{PoolKeys('sim').job('')}*", count=1000), None) is not None


def _pss(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss)


def slack_used(before: int, after: int, slack: tuple[float, int]) -> float:
    """Growth as a share of what allocators account for."""
    share, floor = slack
    return (after - before) / max(share * before, floor)


def all_slack_used(before: Memory, after: Memory) -> dict[str, float]:
    """By process, and of Redis; a process that was not there before has grown from nothing."""
    used = {
        name: slack_used(before.processes.get(name, 0), pss, PROCESS_SLACK) for name, pss in after.processes.items()
    }
    return {**used, "redis": slack_used(before.redis, after.redis, REDIS_SLACK)}


async def measure(up: Up, jobs: int) -> dict[str, Any]:
    """Run the jobs; memory in MiB, after the warm-up and in the end."""
    load = Load(up.port)
    await load.run(WARM_UP_JOBS)
    before = settled(up)
    began = time.perf_counter()
    await load.run(jobs - WARM_UP_JOBS)
    jobs_s = (jobs - WARM_UP_JOBS) / (time.perf_counter() - began)
    after = settled(up)
    names = sorted(before.processes.keys() | after.processes.keys())
    used = all_slack_used(before, after)
    return {
        "slack_used": round(max(used.values()), 2),
        "most_grown": max(used, key=lambda name: used[name]),
        "jobs": jobs,
        "jobs_s": round(jobs_s),
        "redis_mib": [_mib(before.redis), _mib(after.redis)],
        "pss_mib": {name: [_mib(memory.processes.get(name, 0)) for memory in (before, after)] for name in names},
    }


def _mib(size: int) -> float:
    return round(size / MEBI, 2)


def main() -> int:
    """Returns 1 where something has grown."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    args = parser.parse_args()
    with running(CONFIG) as up:
        result = uvloop.run(measure(up, args.jobs))
    return publish(__file__, HEADLINE, result)


if __name__ == "__main__":
    sys.exit(main())
