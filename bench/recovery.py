"""SIGKILL one of two vLLM workers under 64 streams: no token lost, repeated or changed, and how long streams stall."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time

import uvloop

from bench.sse_client import Streamed, stream
from models.corpus import load
from tests.harness.up import Up, running

STREAMS = 64
MAX_TOKENS = 200

CONFIG = {
    "models": {"demo": {"pool": "demo"}},
    "pools": {
        "demo": {
            "engine": "vllm",
            "model": "../models/demo",
            "workers": 2,
            "slots": 64,
            "options": {"dtype": "float32", "max_model_len": 2048},
        }
    },
    "telemetry": {"log_level": "warning"},
}


async def ask_all(port: int, questions: list[str]) -> list[Streamed]:
    """Every question at once; the answers go on to the token limit so that all streams run together."""
    options = {"temperature": 0, "max_tokens": MAX_TOKENS, "ignore_eos": True}
    return await asyncio.gather(*(stream(port, "demo", question, **options) for question in questions))


async def kill_midway(stack: Up, answers: asyncio.Future[list[Streamed]], expected_s: float, seed: int) -> float:
    """SIGKILL a worker at a random moment in the middle half of the run; returns that moment."""
    rng = random.Random(seed)
    await asyncio.sleep(expected_s * rng.uniform(0.25, 0.6))
    assert not answers.done()
    victim = rng.choice(stack.by_role()["worker"])
    victim.kill()
    return time.monotonic()


async def measure(seed: int) -> dict[str, object]:
    """The reference run uncut, then the same with a kill."""
    asked = [one.ask[0] for one in load()]
    questions = [asked[number % len(asked)] for number in range(STREAMS)]
    with running(CONFIG) as stack:
        await ask_all(stack.port, questions[:8])
        begun = time.monotonic()
        uncut = [answer.text() for answer in await ask_all(stack.port, questions)]
        took_s = time.monotonic() - begun
        running_answers = asyncio.ensure_future(ask_all(stack.port, questions))
        killed_s = await kill_midway(stack, running_answers, took_s, seed)
        cut = await running_answers
    changed = sum(answer.text() != text for answer, text in zip(cut, uncut, strict=True))
    stalls = sorted(answer.longest_stall_s for answer in cut)
    return {
        "seed": seed,
        "streams": STREAMS,
        "changed": changed,
        "interrupted": sum(answer.ended_s > killed_s for answer in cut),
        "stall_p50_s": round(statistics.median(stalls), 3),
        "stall_p99_s": round(statistics.quantiles(stalls, n=100, method="inclusive")[98], 3),
        "uncut_run_s": round(took_s, 3),
    }


if __name__ == "__main__":
    chosen = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 30)
    sys.stdout.write(json.dumps({"bench": "recovery", **uvloop.run(measure(chosen))}) + "\n")
