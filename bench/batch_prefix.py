"""The prefix cache's hit rate with a batch's lines in random order, over that with them sorted.

3,000 lines of 30 shared prefixes, on a cache that holds a third of these, so that the order matters; by what vLLM
itself says was cached of each prompt. What the random order alone would give is measured on `vllm.LLM`.
"""

from __future__ import annotations

import random
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.harness.batch_client import BatchClient, completed
from bench.harness.batch_lines import by_name, write_lines
from bench.harness.headline import Bound, Headline, publish
from bench.harness.offline import SAME, Run, llm_chat
from models.corpus import load
from tests.harness.processes import free_port
from tests.harness.up import builtin, running

HEADLINE = Headline("hit_ratio", Bound.AT_LEAST, 0.9)
PREFIXES = 30
LINES = 3_000
#: Of a prefix: about a thousand tokens.
PREFIX_CHARACTERS = 3_600
TOKENS = 8
#: So many lines tell what the random order alone gives; without a cache each takes its time.
UNSORTED_LINES = 300
LIMIT_S = 600.0

SLOTS = 16
#: Tokens of the cache: ten prefixes, and what the running lines have besides.
CACHED_TOKENS = 12_288
_BYTES_PER_TOKEN = 4096
CACHE = {"block_size": 32, "kv_cache_memory_bytes": CACHED_TOKENS * _BYTES_PER_TOKEN}
_COUNTERS = ("penstock_prefix_cache_hits", "penstock_prefix_cache_queries")
#: For vLLM without a server, in its words.
ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "max_model_len": 2048,
    "max_num_seqs": SLOTS,
    "enforce_eager": True,
    "distributed_executor_backend": "uni",
    **CACHE,
}


def bodies() -> list[dict[str, Any]]:
    """All lines, those of one prefix after those of another."""
    return [_body(prefix, number) for prefix in _prefixes() for number in range(LINES // PREFIXES)]


def _prefixes() -> list[str]:
    """Instructions as long as they are in practice, the sentences of each in an order of its own."""
    chance = random.Random(0)
    sentences = [question.answer for question in load()]
    return [" ".join(chance.sample(sentences, len(sentences)))[:PREFIX_CHARACTERS] for _ in range(PREFIXES)]


def _body(prefix: str, number: int) -> dict[str, Any]:
    messages = [{"role": "system", "content": prefix}, {"role": "user", "content": f"What is number {number}?"}]
    return {"model": "demo", "messages": messages, "temperature": 0, "max_tokens": TOKENS, "ignore_eos": True}


def config(metrics_port: int) -> dict[str, Any]:
    """The demo configuration with a small cache, and its worker's counters at a port."""
    demo = builtin("demo")
    pool = demo["pools"]["demo"]
    options = {**pool["options"], **CACHE}
    return {
        **demo,
        "pools": {"demo": {**pool, "slots": SLOTS, "options": options}},
        "telemetry": {"log_level": "warning", "worker_metrics_port": metrics_port},
    }


def batch(path: Path) -> tuple[Run, float]:
    """A file of lines on a Penstock of its own, whose cache is empty; and the hit rate by its engine's counters."""
    port = free_port()
    with running(config(port)) as up:
        client = BatchClient(up.url)
        ended = client.ended(client.create(client.upload(path)).id, LIMIT_S)
        seconds = (ended.completed_at or 0) - ended.created_at
        return Run(seconds, by_name(client.lines(completed(ended)))), _counted(port)


def _counted(port: int) -> float:
    """Tokens that the engine found in its prefix cache over those that it looked up there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = {one.name: one.samples for one in text_string_to_metric_families(answer.read().decode())}
    hits, queries = (sum(s.value for s in families[name] if s.name.endswith("_total")) for name in _COUNTERS)
    return hits / queries


def measure(folder: Path) -> dict[str, Any]:
    """The same lines in random order, sorted, and, some of them, in random order without anybody who sorts."""
    shuffled = bodies()
    random.Random(1).shuffle(shuffled)
    batches = {"random": batch(_written(folder, shuffled)), "sorted": batch(_written(folder, bodies()))}
    runs = {name: run for name, (run, _) in batches.items()}
    runs["unsorted"] = llm_chat(_written(folder, shuffled[:UNSORTED_LINES]), ENGINE, SAME)
    rates = {name: run.hit_rate for name, run in runs.items()}
    return {
        "hit_ratio": round(rates["random"] / rates["sorted"], 3),
        "hit_rates": {name: round(rate, 3) for name, rate in rates.items()},
        "counted_hit_rates": {name: round(rate, 3) for name, (_, rate) in batches.items()},
        "prompt_tokens": sum(one.prompt_tokens for one in runs["random"].answers.values()) // LINES,
        "seconds": {name: round(run.seconds) for name, run in runs.items()},
        "lines": {name: len(run.answers) for name, run in runs.items()},
    }


def _written(folder: Path, lines: Sequence[dict[str, Any]]) -> Path:
    path = folder / "input.jsonl"
    write_lines(path, lines)
    return path


def main() -> int:
    """Returns 1 where the order matters too much."""
    with TemporaryDirectory(prefix="penstock-bench-") as name:
        figures = measure(Path(name))
    flaws = [
        f"{len_} lines of {name}" for name, len_ in figures["lines"].items() if name != "unsorted" and len_ != LINES
    ]
    return publish(__file__, HEADLINE, figures, flaws)


if __name__ == "__main__":
    sys.exit(main())
