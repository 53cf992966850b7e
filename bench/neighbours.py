"""What ordinary streams feel of one hostile request beside them: the longest stall between two tokens, by its kind.

Arguments: the names of engines and kinds to try; without any, all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import uvloop

from bench.hostile import GRAMMARS, KINDS, Hostile, send
from bench.sse_client import Streamed, stream
from penstock.telemetry import events
from tests.harness.up import Up, running

STREAMS = 16
TOKENS = 100
#: Streams that run by themselves, before and after.
_QUIET_S = 0.5

_TELEMETRY = {"log_level": "warning"}
SIMULATED = {
    "models": {"model": {"pool": "pool"}},
    "pools": {
        "pool": {
            "engine": "simulated",
            "slots": 64,
            "options": {
                "itl_ms": 20,
                "full_batch_slowdown": 1.0,
                "prefill_us_per_token": 1,
                # So that a megabyte of text is a prompt like any other.
                "max_model_len": 400_000,
                "kv_blocks": 100_000,
            },
        }
    },
    "telemetry": _TELEMETRY,
}
VLLM = {
    "models": {"model": {"pool": "pool"}},
    "pools": {"pool": {"engine": "vllm", "model": "../models/demo", "slots": 64, "options": {"max_model_len": 2048}}},
    "telemetry": _TELEMETRY,
}
#: Only an engine that compiles them knows grammars.
ENGINES: dict[str, tuple[Mapping[str, Any], dict[str, Hostile]]] = {
    "simulated": (SIMULATED, KINDS),
    "vllm": (VLLM, {**KINDS, **GRAMMARS}),
}


async def longest_stall_ms(port: int, hostile: Hostile | None) -> tuple[float, set[int]]:
    """The longest stall of any stream while a request runs, or none does; and the statuses of its answers."""
    over = asyncio.Event()
    raw = hostile.encoded("model") if hostile else b""

    async def neighbour(number: int) -> list[Streamed]:
        answers = []
        while not over.is_set():
            options = {"max_tokens": TOKENS, "min_tokens": TOKENS, "ignore_eos": True}
            answers.append(await stream(port, "model", f"Question {number}?", **options))
        return answers

    neighbours = [asyncio.create_task(neighbour(number)) for number in range(STREAMS)]
    await asyncio.sleep(_QUIET_S)
    statuses = set(await send(port, hostile, raw)) if hostile else set()
    await asyncio.sleep(_QUIET_S)
    over.set()
    answers = [answer for several in await asyncio.gather(*neighbours) for answer in several]
    for answer in answers:
        answer.text()
    return max(answer.longest_stall_s for answer in answers) * 1000, statuses


async def of_engine(up: Up, kinds: Mapping[str, Hostile]) -> dict[str, tuple[float, set[int]]]:
    """Every kind in turn; `quiet` is none."""
    await longest_stall_ms(up.port, None)
    found = {"quiet": await longest_stall_ms(up.port, None)}
    for name, hostile in kinds.items():
        found[name] = await longest_stall_ms(up.port, hostile)
        sys.stdout.write(f"{name}: {found[name][0]:.0f} ms {sorted(found[name][1])}\n")
        sys.stdout.flush()
    return found


async def measure(names: Collection[str]) -> dict[str, object]:
    """The engines, one after the other, and for each the kinds in turn; those named, or all."""
    by_kind: dict[str, dict[str, int]] = {}
    quiet: dict[str, int] = {}
    lost = 0
    for engine in _chosen(ENGINES, names):
        config, kinds = ENGINES[engine]
        with running(config) as up:
            found = await of_engine(up, {name: kinds[name] for name in _chosen(kinds, names)})
            lost += up.log.read_text().count(events.WORKER_LOST)
        stalls = {name: round(stall_ms) for name, (stall_ms, _) in found.items()}
        quiet[engine] = stalls.pop("quiet")
        by_kind[engine] = stalls
    return {
        "stall_ms": max((stall for stalls in by_kind.values() for stall in stalls.values()), default=0),
        "lost_workers": lost,
        "quiet_ms": quiet,
        "by_kind": by_kind,
    }


def _chosen(known: Iterable[str], names: Collection[str]) -> list[str]:
    """The known that are named; all, where none is."""
    known = list(known)
    return [name for name in known if name in names] or known


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "neighbours", **uvloop.run(measure(sys.argv[1:]))}) + "\n")
