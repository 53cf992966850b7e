"""Tokens per second of a batch on the demo model, over `vllm.LLM` with the same arguments.

And over `vllm run-batch`. One after the other, each for itself, Penstock first and last, since how fast a machine is
drifts by a tenth within minutes. The start of an engine counts for none, nor does the upload for Penstock, whose time
is from the creation of the batch until it is seen to be completed, output file and all.

vLLM's two are measured in the environment that Penstock gives its engine (`same`), and in the one that they have by
themselves (`defaults`), which decides over threads and processes. `vllm.LLM` is judged by the faster one, `vllm
run-batch` by what it is for whoever runs it. On a GPU all have more slots, bfloat16 and CUDA graphs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.harness.batch_client import BatchClient, completed
from bench.harness.batch_lines import by_name, write_lines
from bench.harness.hardware import ON_GPU
from bench.harness.headline import Bound, Headline, publish
from bench.harness.offline import DEFAULTS, SAME, Run, llm_chat, run_batch
from models.corpus import load
from tests.harness.up import builtin, running

HEADLINE = Headline("ratio", Bound.AT_LEAST, 0.92)
RUN_BATCH_RATIO = 1.2
LINES = 6_000 if ON_GPU else 2_000
TOKENS = 64
SLOTS = 256 if ON_GPU else 64
WARM_UP_LINES = SLOTS
LIMIT_S = 600.0

#: What differs from the demo configuration; on a CPU nothing does.
OPTIONS: dict[str, Any] = (
    {"dtype": "bfloat16", "kv_cache_memory_bytes": 2 << 30, "engine_args": {"max_num_batched_tokens": 8192}}
    if ON_GPU
    else {}
)

#: What Penstock gives its own engine of the demo configuration, in vLLM's words.
ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "max_model_len": 2048,
    "max_num_seqs": SLOTS,
    "max_num_batched_tokens": 512,
    "block_size": 32,
    "kv_cache_memory_bytes": 64 << 20,
    "scheduling_policy": "priority",
    "distributed_executor_backend": "uni",
    **({} if ON_GPU else {"enforce_eager": True}),
    **{name: value for name, value in OPTIONS.items() if name != "engine_args"},
    **OPTIONS.get("engine_args", {}),
}


def bodies(count: int) -> Iterator[dict[str, Any]]:
    """Questions that begin differently, so that nobody's order of them finds anything in a prefix cache."""
    asked = [wording for question in load() for wording in question.ask]
    for number in range(count):
        content = f"{number}. {asked[number % len(asked)]}"
        yield {
            "model": "demo",
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": TOKENS,
            "ignore_eos": True,
        }


def penstock(folder: Path, path: Path) -> tuple[Run, float]:
    """The batch on a `penstock up` of the demo configuration; and how long its upload took."""
    warm_up = folder / "warm-up.jsonl"
    write_lines(warm_up, bodies(WARM_UP_LINES))
    demo = builtin("demo")
    pool = demo["pools"]["demo"]
    pool = {**pool, "slots": SLOTS, "options": {**pool["options"], **OPTIONS}}
    with running({**demo, "pools": {"demo": pool}, "telemetry": {"log_level": "warning"}}) as up:
        client = BatchClient(up.url)
        client.ended(client.create(client.upload(warm_up)).id, LIMIT_S)
        begun_s = time.perf_counter()
        file_id = client.upload(path)
        created_s = time.perf_counter()
        batch = client.ended(client.create(file_id).id, LIMIT_S)
        ended_s = time.perf_counter()
        answers = by_name(client.lines(completed(batch)))
    return Run(ended_s - created_s, answers), created_s - begun_s


def measure(folder: Path) -> dict[str, Any]:
    """All in turn."""
    path = folder / "input.jsonl"
    write_lines(path, bodies(LINES))
    first, upload_s = penstock(folder, path)
    theirs = {
        "llm_same": llm_chat(path, ENGINE, SAME),
        "llm_defaults": llm_chat(path, ENGINE, DEFAULTS),
        "run_batch_same": run_batch(path, ENGINE, SAME),
        "run_batch_defaults": run_batch(path, ENGINE, DEFAULTS),
    }
    last, _ = penstock(folder, path)
    ours_s = (first.seconds + last.seconds) / 2
    ratios = {name: round(run.seconds / ours_s, 3) for name, run in theirs.items()}
    runs = {"penstock_first": first, **theirs, "penstock_last": last}
    return {
        "ratio": min(ratios["llm_same"], ratios["llm_defaults"]),
        "run_batch_ratio": ratios["run_batch_defaults"],
        "ratios": ratios,
        "seconds_with_upload": round(ours_s + upload_s, 2),
        "tokens_s": {name: round(run.tokens_s) for name, run in runs.items()},
        "seconds": {name: round(run.seconds, 2) for name, run in runs.items()},
        "tokens": {name: run.tokens for name, run in runs.items()},
        "prompt_tokens": {name: sum(one.prompt_tokens for one in run.answers.values()) for name, run in runs.items()},
        "lines": LINES,
        "agreeing": sum(_agree(number, runs) for number in first.answers),
    }


def _agree(number: str, runs: dict[str, Run]) -> bool:
    return len({run.answers[number].text for run in runs.values()}) == 1


def flaws(figures: dict[str, Any]) -> list[str]:
    """What must not be, however good the ratio is."""
    found = []
    if figures["run_batch_ratio"] < RUN_BATCH_RATIO:
        found.append(f"run_batch_ratio is {figures['run_batch_ratio']}, its aim is at least {RUN_BATCH_RATIO}")
    if len(set(figures["tokens"].values())) > 1:
        found.append("not all generated as many tokens")
    return found


def main() -> int:
    """Returns 1 where it is too slow."""
    with TemporaryDirectory(prefix="penstock-bench-") as name:
        figures = measure(Path(name))
    return publish(__file__, HEADLINE, figures, flaws(figures))


if __name__ == "__main__":
    sys.exit(main())
