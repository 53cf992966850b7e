"""CPU per streamed token of everything but the client, over that of a bare protocol in the same run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import psutil
import uvloop

from bench.sse_client import Streamed, stream
from penstock.broker.embedded import find_server
from penstock.settings.sections import EMBEDDED
from tests.harness.processes import cpu_of, free_port
from tests.harness.redis_cluster import RedisCluster
from tests.harness.redis_node import RedisNode
from tests.harness.up import Up, running

TOKENS = 100
ITL_MS = 20
LOADS = (200, 400)
ROUNDS = 3
#: The roles whose CPU a token costs; the supervisor and the hosts sleep.
ROLES = ("ingress", "redis", "scheduler", "worker")

CONFIG = {
    "models": {"sim": {"pool": "sim"}},
    "pools": {
        "sim": {
            "engine": "simulated",
            "workers": 1,
            "slots": 512,
            "lane_max_jobs": 10_000,
            "options": {"itl_ms": ITL_MS, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0},
        }
    },
    "telemetry": {"log_level": "warning"},
}


@contextlib.contextmanager
def bare_server(kind: str, port: int) -> Iterator[psutil.Process]:
    """A floor, as a process of its own."""
    command = [sys.executable, "-m", "bench.floor", kind, str(port), str(TOKENS), str(ITL_MS / 1000)]
    process = subprocess.Popen(command)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


async def load(port: int, streams: int) -> list[Streamed]:
    """All streams at once."""
    options = {"max_tokens": TOKENS, "min_tokens": TOKENS, "ignore_eos": True}
    return await asyncio.gather(*(stream(port, "sim", f"Question {number}?", **options) for number in range(streams)))


async def open_when_up(port: int) -> None:
    """Wait until something accepts connections."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)


async def floor_us(kind: str) -> list[float]:
    """CPU of a bare server per token, by load."""
    port = free_port()
    found = []
    with bare_server(kind, port) as process:
        await open_when_up(port)
        await load(port, 20)
        for streams in LOADS:
            before = cpu_of(process)
            await load(port, streams)
            found.append((cpu_of(process) - before) / (streams * TOKENS) * 1e6)
    return found


async def stack_us(redis_url: str = EMBEDDED, servers: Sequence[RedisNode] = ()) -> list[dict[str, float]]:
    """CPU of the whole stack per token and role, by load; `servers` are those that it did not start itself."""
    found = []
    others = [psutil.Process(server.pid) for server in servers]

    def used_s(stack: Up) -> dict[str, float]:
        used = stack.cpu_s()
        return {**used, "redis": used.get("redis", 0.0) + sum(map(cpu_of, others))}

    with running({**CONFIG, "redis": {"url": redis_url}}) as stack:
        await load(stack.port, 20)
        for streams in LOADS:
            used = used_s(stack)
            answers = await load(stack.port, streams)
            now = used_s(stack)
            assert all(len(answer.text()) >= TOKENS // 2 for answer in answers)
            found.append({role: (now[role] - used[role]) / (streams * TOKENS) * 1e6 for role in ROLES})
    return found


async def cluster_us() -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """The same on one server, and on a cluster of three of the same kind."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        one, three = (
            RedisNode("one", find_server(), Path(folder)),
            RedisCluster(Path(folder), find_server(), replicas=0),
        )
        try:
            one.configure({"appendonly": "yes"})
            one.start()
            three.start()
            single = await stack_us(f"redis://{one.address}", [one])
            return single, await stack_us(three.url, three.nodes)
        finally:
            one.kill()
            three.stop()


async def measure() -> dict[str, object]:
    """All servers in turn, a few times over: how fast the machine is changes from minute to minute."""
    rounds = [(await floor_us("paced"), await floor_us("swept"), await stack_us()) for _ in range(ROUNDS)]
    on_one, on_three = zip(*[await cluster_us() for _ in range(ROUNDS)], strict=True)
    loads = range(len(LOADS))
    ours = [[sum(stack[load].values()) for _, _, stack in rounds] for load in loads]
    paced = [[floor[load] for floor, _, _ in rounds] for load in loads]
    swept = [[floor[load] for _, floor, _ in rounds] for load in loads]
    ratios, swept_ratios = ([_ratio(ours[load], floor[load]) for load in loads] for floor in (paced, swept))
    cluster_ratios = [
        _ratio([sum(three[load].values()) for three in on_three], [sum(one[load].values()) for one in on_one])
        for load in loads
    ]
    return {
        "cluster_ratio": max(cluster_ratios),
        "cluster_ratios": cluster_ratios,
        "cluster_roles_us": {
            name: {role: round(median(us[-1][role] for us in found), 2) for role in ROLES}
            for name, found in (("one", on_one), ("three", on_three))
        },
        "us_per_token": [round(median(us), 2) for us in ours],
        "floor_us": [round(median(us), 2) for us in paced],
        "floor_ratio": max(ratios),
        "floor_ratios": ratios,
        "swept_floor_us": [round(median(us), 2) for us in swept],
        "swept_floor_ratios": swept_ratios,
        "roles_us": {
            LOADS[load]: {role: round(median(stack[load][role] for _, _, stack in rounds), 2) for role in ROLES}
            for load in loads
        },
    }


def _ratio(ours: list[float], floor: list[float]) -> float:
    """The median of each round's ratio."""
    return round(median(us / least for us, least in zip(ours, floor, strict=True)), 2)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "stream_cost", **uvloop.run(measure())}) + "\n")
