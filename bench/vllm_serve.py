"""Penstock beside vLLM's own server: the same model, client and load; throughput, and CPU outside the engine."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from bench.api_server import api_server
from bench.sse_client import stream
from models.corpus import load
from tests.harness.up import running

CONCURRENCIES = (16, 64)
TOKENS = 128
ROUNDS = 4

#: As who wants throughput has it: compiled and in the model's own dtype, as are vLLM's defaults.
POOL = {
    "engine": "vllm",
    "model": "../models/demo",
    "workers": 1,
    "slots": 64,
    "options": {"dtype": "bfloat16", "enforce_eager": False, "max_model_len": 2048, "block_size": 32},
}
CONFIG = {"models": {"demo": {"pool": "demo"}}, "pools": {"demo": POOL}, "telemetry": {"log_level": "warning"}}
#: What Penstock gives its own engine, in the words of vLLM's command line.
SAME_ARGUMENTS = (
    *("--dtype", "bfloat16", "--max-model-len", "2048", "--max-num-seqs", "64"),
    *("--kv-cache-memory-bytes", str(64 << 20), "--distributed-executor-backend", "uni", "--block-size", "32"),
    *("--scheduling-policy", "priority"),
)
SAME_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


@dataclass(frozen=True)
class Measured:
    """One server under one concurrency."""

    tokens_s: float
    frontend_us: float
    engine_us: float


async def load_at(port: int, concurrency: int, rounds: int) -> int:
    """Clients that ask again as soon as they are answered; returns the tokens of all answers."""
    questions = [one.ask[0] for one in load()]
    options = {
        "temperature": 0,
        "max_tokens": TOKENS,
        "min_tokens": TOKENS,
        "ignore_eos": True,
        "stream_options": {"include_usage": True},
    }

    async def client(number: int) -> int:
        tokens = 0
        for turn in range(rounds):
            answer = await stream(port, "demo", questions[(number + turn * concurrency) % len(questions)], **options)
            tokens += answer.events()[-1]["usage"]["completion_tokens"]
        return tokens

    return sum(await asyncio.gather(*map(client, range(concurrency))))


async def measure_at(
    port: int, concurrency: int, frontend: Callable[[], float], engine: Callable[[], float]
) -> Measured:
    """Throughput and CPU per token at one concurrency, after a warm-up."""
    await load_at(port, concurrency, 1)
    frontend_before, engine_before, begun = frontend(), engine(), time.perf_counter()
    tokens = await load_at(port, concurrency, ROUNDS)
    seconds = time.perf_counter() - begun
    return Measured(
        tokens / seconds,
        (frontend() - frontend_before) / tokens * 1e6,
        (engine() - engine_before) / tokens * 1e6,
    )


async def measure_api_server(arguments: tuple[str, ...], environment: dict[str, str]) -> dict[int, Measured]:
    """vLLM's server with these arguments."""
    with api_server(arguments, environment) as server:
        return {n: await measure_at(server.port, n, server.frontend_cpu_s, server.engine_cpu_s) for n in CONCURRENCIES}


async def measure_penstock() -> dict[int, Measured]:
    """Everything of Penstock but the engine's processes counts as frontend."""
    with running(CONFIG) as stack:

        def engine() -> float:
            return stack.cpu_s().get("engine", 0.0)

        def frontend() -> float:
            return sum(cpu_s for role, cpu_s in stack.cpu_s().items() if role != "engine")

        return {n: await measure_at(stack.port, n, frontend, engine) for n in CONCURRENCIES}


async def measure() -> dict[str, object]:
    """The three in turn."""
    defaults = await measure_api_server((), {})
    same = await measure_api_server(SAME_ARGUMENTS, SAME_ENVIRONMENT)
    ours = await measure_penstock()
    servers = {"defaults": defaults, "same": same, "penstock": ours}
    return {
        **{f"ratio_{n}": round(ours[n].tokens_s / defaults[n].tokens_s, 3) for n in CONCURRENCIES},
        **{f"ratio_{n}_same": round(ours[n].tokens_s / same[n].tokens_s, 3) for n in CONCURRENCIES},
        **{f"frontend_ratio_{n}": round(ours[n].frontend_us / same[n].frontend_us, 3) for n in CONCURRENCIES},
        **{f"frontend_ratio_{n}_defaults": round(ours[n].frontend_us / defaults[n].frontend_us, 3) for n in (64,)},
        "tokens_s": {name: {n: round(one.tokens_s) for n, one in by.items()} for name, by in servers.items()},
        "frontend_us": {name: {n: round(one.frontend_us, 1) for n, one in by.items()} for name, by in servers.items()},
        "engine_us": {name: {n: round(one.engine_us, 1) for n, one in by.items()} for name, by in servers.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "vllm_serve", **uvloop.run(measure())}) + "\n")
