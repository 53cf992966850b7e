"""Tokens per second through Penstock, over those of vLLM's own server with the same arguments."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

import uvloop

from bench.harness.api_server import api_server
from bench.harness.hardware import ON_GPU, SHARED_GPU
from bench.harness.headline import Bound, Headline, publish
from bench.harness.sse_client import stream
from models.corpus import load
from tests.harness.up import Up, running

HEADLINE = Headline("ratio_64_same", Bound.AT_LEAST, 1.05)
CONCURRENCIES = (64, 256) if ON_GPU else (16, 64)
SLOTS = max(CONCURRENCIES)
TOKENS = 128
#: How often each client asks, one answer after the other, while a server is measured; and how often each server is.
TURNS = 4
ROUNDS = 5
CACHE_BYTES = 1 << 30 if ON_GPU else 64 << 20

#: For throughput, and vLLM's defaults: compiled, and in the model's own dtype.
POOL = {
    "engine": "vllm",
    "model": "demo",
    "workers": 1,
    "slots": SLOTS,
    "options": {
        "dtype": "bfloat16",
        "enforce_eager": False,
        "max_model_len": 2048,
        "block_size": 32,
        "kv_cache_memory_bytes": CACHE_BYTES,
        "engine_args": SHARED_GPU,
    },
}
CONFIG = {"models": {"demo": {"pool": "demo"}}, "pools": {"demo": POOL}, "telemetry": {"log_level": "warning"}}
#: So that all fit into one GPU.
SHARING_ARGUMENTS = [f"--{name.replace('_', '-')}={value}" for name, value in SHARED_GPU.items()]
#: What Penstock gives its own engine, in the words of vLLM's command line.
SAME_ARGUMENTS = (
    *("--dtype", "bfloat16", "--max-model-len", "2048", "--max-num-seqs", str(SLOTS)),
    *("--kv-cache-memory-bytes", str(CACHE_BYTES), "--distributed-executor-backend", "uni", "--block-size", "32"),
    *("--scheduling-policy", "priority"),
)
SAME_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


@dataclass(frozen=True)
class Server:
    """One that runs; `frontend` and `engine` tell the CPU seconds that it has used outside and inside its engine."""

    port: int
    frontend: Callable[[], float]
    engine: Callable[[], float]


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


async def measure_at(server: Server, concurrency: int) -> Measured:
    """Throughput and CPU per token at one concurrency."""
    frontend_before, engine_before, begun = server.frontend(), server.engine(), time.perf_counter()
    tokens = await load_at(server.port, concurrency, TURNS)
    seconds = time.perf_counter() - begun
    return Measured(
        tokens / seconds,
        (server.frontend() - frontend_before) / tokens * 1e6,
        (server.engine() - engine_before) / tokens * 1e6,
    )


@contextlib.contextmanager
def servers() -> Iterator[dict[str, Server]]:
    """All that are compared, side by side: an idle one takes a hundredth of a core."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name, arguments, environment in (("defaults", (), {}), ("same", SAME_ARGUMENTS, SAME_ENVIRONMENT)):
            vllm = stack.enter_context(api_server((*arguments, *SHARING_ARGUMENTS), environment))
            found[name] = Server(vllm.port, vllm.frontend_cpu_s, vllm.engine_cpu_s)
        penstock = stack.enter_context(running(CONFIG))
        found["penstock"] = Server(penstock.port, partial(_frontend_cpu_s, penstock), partial(_engine_cpu_s, penstock))
        yield found


def _engine_cpu_s(penstock: Up) -> float:
    return penstock.cpu_s().get("engine", 0.0)


def _frontend_cpu_s(penstock: Up) -> float:
    """Everything of Penstock but the engine's processes."""
    return sum(cpu_s for role, cpu_s in penstock.cpu_s().items() if role != "engine")


async def measure() -> dict[str, object]:
    """All servers in turn, many times over: how fast the machine is changes from minute to minute."""
    with servers() as found:
        measured = {concurrency: await _rounds(found, concurrency) for concurrency in CONCURRENCIES}
    return {
        **_ratios("ratio_{}", measured, "tokens_s", "defaults"),
        **_ratios("ratio_{}_same", measured, "tokens_s", "same"),
        **_ratios("frontend_ratio_{}", measured, "frontend_us", "same"),
        **_ratios("frontend_ratio_{}_defaults", measured, "frontend_us", "defaults"),
        **{
            what: {
                name: {n: round(median(getattr(one[name], what) for one in measured[n]), 1) for n in CONCURRENCIES}
                for name in found
            }
            for what in ("tokens_s", "frontend_us", "engine_us")
        },
    }


async def _rounds(found: Mapping[str, Server], concurrency: int) -> list[dict[str, Measured]]:
    for server in found.values():
        await load_at(server.port, concurrency, 1)
    return [{name: await measure_at(server, concurrency) for name, server in found.items()} for _ in range(ROUNDS)]


def _ratios(label: str, measured: Mapping[int, list[dict[str, Measured]]], what: str, other: str) -> dict[str, float]:
    """Penstock's figure over another server's, by concurrency: the median of each round's ratio."""
    return {
        label.format(n): round(median(getattr(one["penstock"], what) / getattr(one[other], what) for one in rounds), 3)
        for n, rounds in measured.items()
    }


if __name__ == "__main__":
    sys.exit(publish(__file__, HEADLINE, uvloop.run(measure())))
