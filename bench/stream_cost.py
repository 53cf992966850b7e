"""CPU per streamed token of everything but the client, over that of a bare protocol in the same run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import psutil
import uvloop

from bench.sse_client import Streamed, stream
from tests.harness.processes import cpu_of, free_port
from tests.harness.up import running

TOKENS = 100
ITL_MS = 20
LOADS = (200, 400)
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
def bare_server(port: int) -> Iterator[psutil.Process]:
    """The floor, as a process of its own."""
    command = [sys.executable, "-m", "bench.floor", str(port), str(TOKENS), str(ITL_MS / 1000)]
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


async def measure() -> dict[str, object]:
    """Both servers under both loads."""
    floor_us, ours_us, roles_us = [], [], {}
    port = free_port()
    with bare_server(port) as process:
        await open_when_up(port)
        await load(port, 20)
        for streams in LOADS:
            before = cpu_of(process)
            await load(port, streams)
            floor_us.append((cpu_of(process) - before) / (streams * TOKENS) * 1e6)
    with running(CONFIG) as stack:
        await load(stack.port, 20)
        for streams in LOADS:
            used = stack.cpu_s()
            answers = await load(stack.port, streams)
            now = stack.cpu_s()
            assert all(len(answer.text()) >= TOKENS // 2 for answer in answers)
            roles = {role: (now[role] - used[role]) / (streams * TOKENS) * 1e6 for role in ROLES}
            roles_us[streams] = {role: round(us, 2) for role, us in roles.items()}
            ours_us.append(sum(roles.values()))
    ratios = [ours / floor for ours, floor in zip(ours_us, floor_us, strict=True)]
    return {
        "us_per_token": [round(us, 2) for us in ours_us],
        "floor_us": [round(us, 2) for us in floor_us],
        "floor_ratio": round(max(ratios), 2),
        "floor_ratios": [round(ratio, 2) for ratio in ratios],
        "roles_us": roles_us,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "stream_cost", **uvloop.run(measure())}) + "\n")
