"""From a host that has vLLM imported to a new worker's first token, beside the start of vLLM's own server."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

import uvloop

from bench.api_server import api_server
from bench.sse_client import stream
from tests.harness.up import example, running

TIMES = 3
#: A worker that has served for longer than this ended for a new reason, and its host replaces it without a pause.
SETTLED_S = 11.0


async def measure() -> dict[str, object]:
    """Kill the only worker and ask at once: the answer needs a whole new worker, and its stream waits for it."""
    seconds = []
    with running(example("demo")) as stack:
        await stream(stack.port, "demo", "What is Penstock?", temperature=0, max_tokens=8)
        for _ in range(TIMES):
            await asyncio.sleep(SETTLED_S)
            (worker,) = stack.by_role()["worker"]
            worker.kill()
            begun = time.monotonic()
            answer = await stream(stack.port, "demo", "What is Penstock?", temperature=0, max_tokens=8)
            seconds.append(answer.arrivals[0] - begun)
    with api_server() as server:
        start_s = server.start_s
    return {
        "seconds": round(statistics.median(seconds), 2),
        "worst_seconds": round(max(seconds), 2),
        "api_server_seconds": round(start_s, 1),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "cold_start", **uvloop.run(measure())}) + "\n")
