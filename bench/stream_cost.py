"""CPU per streamed token of everything but the client, over that of a bare protocol in the same run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

import psutil
import uvloop

from bench.sse_client import Streamed, stream
from tests.harness.processes import cpu_of, free_port
from tests.harness.up import running

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


async def stack_us() -> list[dict[str, float]]:
    """CPU of the whole stack per token and role, by load."""
    found = []
    with running(CONFIG) as stack:
        await load(stack.port, 20)
        for streams in LOADS:
            used = stack.cpu_s()
            answers = await load(stack.port, streams)
            now = stack.cpu_s()
            assert all(len(answer.text()) >= TOKENS // 2 for answer in answers)
            found.append({role: (now[role] - used[role]) / (streams * TOKENS) * 1e6 for role in ROLES})
    return found


async def measure() -> dict[str, object]:
    """All servers in turn, a few times over: how fast the machine is changes from minute to minute."""
    rounds = [(await floor_us("paced"), await floor_us("swept"), await stack_us()) for _ in range(ROUNDS)]
    loads = range(len(LOADS))
    ours = [[sum(stack[load].values()) for _, _, stack in rounds] for load in loads]
    paced = [[floor[load] for floor, _, _ in rounds] for load in loads]
    swept = [[floor[load] for _, floor, _ in rounds] for load in loads]
    ratios, swept_ratios = ([_ratio(ours[load], floor[load]) for load in loads] for floor in (paced, swept))
    return {
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
