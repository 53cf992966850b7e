"""Time to first token that Penstock adds: ten streams on an engine that needs no time for a prompt."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys

import uvloop

from bench.sse_client import Streamed, stream
from tests.harness.up import running

STREAMS = 10
ROUNDS = 100

CONFIG = {
    "models": {"sim": {"pool": "sim"}},
    "pools": {
        "sim": {
            "engine": "simulated",
            "slots": 64,
            "options": {"itl_ms": 20, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0},
        }
    },
    "telemetry": {"log_level": "warning"},
}


async def rounds(port: int) -> list[Streamed]:
    """Each of ten clients asks again as soon as it has its answer of ten tokens."""

    async def client(number: int) -> list[Streamed]:
        await asyncio.sleep(number * 0.021)
        return [
            await stream(port, "sim", f"Client {number}, question {turn}?", max_tokens=10, min_tokens=10)
            for turn in range(ROUNDS)
        ]

    return [one for answers in await asyncio.gather(*map(client, range(STREAMS))) for one in answers]


async def measure() -> dict[str, object]:
    """Percentiles over all requests."""
    with running(CONFIG) as stack:
        await stream(stack.port, "sim", "Warm up.", max_tokens=10)
        added_ms = sorted(answer.ttft_s * 1000 for answer in await rounds(stack.port))
    cuts = statistics.quantiles(added_ms, n=100)
    return {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "requests": len(added_ms)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "ttft", **uvloop.run(measure())}) + "\n")
