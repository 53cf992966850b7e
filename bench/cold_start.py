"""From a killed worker to the first token of its successor, over the start of vLLM's own server."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

import uvloop

from bench.harness.api_server import api_server
from bench.harness.headline import Bound, Headline, publish
from bench.harness.sse_client import stream
from tests.harness.up import builtin, running

HEADLINE = Headline("api_server_ratio", Bound.AT_MOST, 0.05)
TIMES = 3
#: A worker that has served for longer than this ended for a new reason, and its host replaces it without a pause.
SETTLED_S = 11.0


async def measure() -> dict[str, object]:
    """Kill the only worker and ask at once: the answer needs a whole new worker, and its stream waits for it."""
    seconds = []
    with running(builtin("demo")) as stack:
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
        "api_server_ratio": round(statistics.median(seconds) / start_s, 4),
        "seconds": round(statistics.median(seconds), 2),
        "worst_seconds": round(max(seconds), 2),
        "api_server_seconds": round(start_s, 1),
    }


if __name__ == "__main__":
    sys.exit(publish(__file__, HEADLINE, uvloop.run(measure())))
