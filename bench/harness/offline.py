"""vLLM without a server to compare with: `vllm.LLM`, and `vllm run-batch`, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench.harness.batch_lines import Answered, by_name
from penstock.settings.builtin import FOLDER as BUILTIN
from tests.harness.processes import ROOT

#: As people run it who only have no hub to reach.
DEFAULTS = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
#: What Penstock sets for its own engine: see workers/engine/vllm/environment.py.
FEWER_THREADS = {
    **DEFAULTS,
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
#: And its engine's processes: otherwise the CPU platform runs the model in one more than Penstock does.
SAME = {**FEWER_THREADS, "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
_BAR = b"Running batch:"


class Run(Struct, frozen=True):
    """What came of a file of requests, and how long it took when the engine had started."""

    seconds: float
    answers: dict[str, Answered]

    @property
    def tokens(self) -> int:
        """Of all answers."""
        return sum(answer.completion_tokens for answer in self.answers.values())

    @property
    def tokens_s(self) -> float:
        """Per second."""
        return self.tokens / self.seconds

    @property
    def hit_rate(self) -> float:
        """The share of the prompts' tokens that were in the prefix cache, as vLLM tells."""
        answers = self.answers.values()
        return sum(one.cached_tokens for one in answers) / sum(one.prompt_tokens for one in answers)


def llm_chat(path: Path, engine: Mapping[str, Any], environment: Mapping[str, str]) -> Run:
    """`LLM.chat` over a batch's input, whose sampling parameters are those of its first line.

    It renders and encodes the conversations and is `LLM.generate` then. Raises subprocess.CalledProcessError.
    """
    asked = json.dumps({"path": str(path), "engine": {"model": str(BUILTIN / "demo"), **engine}})
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        said = Path(folder) / "said.json"
        command = [sys.executable, "-m", "bench.harness.offline_llm", asked, str(said)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, stdout=sys.stderr)
        return msgspec.json.decode(said.read_bytes(), type=Run)


def run_batch(path: Path, engine: Mapping[str, Any], environment: Mapping[str, str]) -> Run:
    """What `vllm run-batch` runs, over a batch's input.

    Timed by the progress that it tells: from the beginning of its first request to the end of its last, so that
    neither reading the input nor writing the output counts. Raises RuntimeError where it tells none.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        output = Path(folder) / "output.jsonl"
        command = [
            *(sys.executable, "-m", "vllm.entrypoints.openai.run_batch", "-i", str(path), "-o", str(output)),
            *("--model", str(BUILTIN / "demo"), "--served-model-name", "demo", *_words(engine)),
        ]
        seconds = _progress_s(command, {**os.environ, **environment})
        lines = [json.loads(line) for line in output.read_bytes().splitlines()]
    return Run(seconds, by_name(lines))


def _words(engine: Mapping[str, Any]) -> list[str]:
    """Arguments by their Python names as vLLM's command line takes them."""
    words = []
    for name, value in engine.items():
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, value if isinstance(value, str) else json.dumps(value)]
    return words


def _progress_s(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Run it to its end; returns the time from its first sign of progress to the last."""
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=sys.stderr, stderr=subprocess.PIPE)
    assert process.stderr is not None
    signs, log = list[float](), list[bytes]()
    with process.stderr:
        for line in process.stderr:
            log.append(line)
            if _BAR in line:
                signs.append(time.perf_counter())
    if process.wait() or len(signs) < 2:
        raise RuntimeError(b"".join(log[-40:]).decode(errors="replace"))
    return signs[-1] - signs[0]
