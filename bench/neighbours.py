"""The longest stall of streams beside the worst hostile request, over that of streams left alone.

Arguments: the names of engines and kinds to try; without any, all.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Iterable, Mapping
from statistics import median
from typing import Any

import uvloop

from bench.harness.headline import Bound, Headline, publish
from bench.harness.hostile import GRAMMARS, KINDS, Hostile, send
from bench.harness.sse_client import Streamed, stream
from penstock.telemetry import events
from tests.harness.up import Up, running

HEADLINE = Headline("quiet_ratio", Bound.AT_MOST, 6)
STREAMS = 16
TOKENS = 100
#: Streams that run by themselves, before and after.
_QUIET_S = 0.5
#: After how many kinds the streams are left alone once: what quiet is changes with the machine's pace.
_KINDS_PER_QUIET = 6

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
    "pools": {"pool": {"engine": "vllm", "model": "demo", "slots": 64, "options": {"max_model_len": 2048}}},
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


async def of_engine(up: Up, kinds: Mapping[str, Hostile]) -> tuple[float, dict[str, float]]:
    """Every kind in turn; the median stall of streams that are left alone now and then, and the stall by kind."""
    await longest_stall_ms(up.port, None)
    quiet_ms, by_kind = [], {}
    for number, (name, hostile) in enumerate(kinds.items()):
        if number % _KINDS_PER_QUIET == 0:
            quiet_ms.append((await longest_stall_ms(up.port, None))[0])
        by_kind[name], statuses = await longest_stall_ms(up.port, hostile)
        sys.stdout.write(f"{name}: {by_kind[name]:.0f} ms {sorted(statuses)}\n")
        sys.stdout.flush()
    return median(quiet_ms), by_kind


async def measure(names: Collection[str]) -> dict[str, Any]:
    """The engines, one after the other, and for each the kinds in turn; those named, or all."""
    quiet: dict[str, float] = {}
    by_kind: dict[str, dict[str, float]] = {}
    lost = 0
    for engine in _chosen(ENGINES, names):
        config, kinds = ENGINES[engine]
        with running(config) as up:
            quiet[engine], by_kind[engine] = await of_engine(up, {name: kinds[name] for name in _chosen(kinds, names)})
            lost += up.log.read_text().count(events.WORKER_LOST)
    worst = {engine: max(stalls.values()) for engine, stalls in by_kind.items()}
    return {
        "quiet_ratio": round(max(worst[engine] / quiet[engine] for engine in worst), 2),
        "stall_ms": {engine: round(stall_ms) for engine, stall_ms in worst.items()},
        "quiet_ms": {engine: round(stall_ms) for engine, stall_ms in quiet.items()},
        "lost_workers": lost,
        "by_kind": {engine: {name: round(ms) for name, ms in stalls.items()} for engine, stalls in by_kind.items()},
    }


def _chosen(known: Iterable[str], names: Collection[str]) -> list[str]:
    """The known that are named; all, where none is."""
    known = list(known)
    return [name for name in known if name in names] or known


def main() -> int:
    """Returns 1 where streams stood still for too long or a worker was lost."""
    figures = uvloop.run(measure(sys.argv[1:]))
    flaws = [f"{figures['lost_workers']} workers were lost"] if figures["lost_workers"] else []
    return publish(__file__, HEADLINE, figures, flaws)


if __name__ == "__main__":
    sys.exit(main())
