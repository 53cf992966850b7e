"""`vllm.LLM` over a batch's input: `python -m bench.harness.offline_llm ASKED SAID`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import torch
from vllm import LLM, RequestOutput, SamplingParams

from bench.harness.batch_lines import Answered
from bench.harness.offline import Run

#: Conversations that run before the clock does, of those that are asked.
_WARM_UP = 64
_SAMPLING = ("temperature", "max_tokens", "ignore_eos")


def chat(path: Path, engine: dict[str, Any]) -> Run:
    """Answer all lines at once."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    llm = LLM(**engine)
    params = SamplingParams(**{name: lines[0]["body"][name] for name in _SAMPLING})
    conversations = [line["body"]["messages"] for line in lines]
    llm.chat(conversations[:_WARM_UP], params, use_tqdm=False)
    llm.reset_prefix_cache()
    begun_s = time.perf_counter()
    outputs = llm.chat(conversations, params, use_tqdm=False)
    seconds = time.perf_counter() - begun_s
    return Run(
        seconds,
        {line["custom_id"]: _answered(output) for line, output in zip(lines, outputs, strict=True)},
    )


def _answered(output: RequestOutput) -> Answered:
    (answer,) = output.outputs
    return Answered(
        answer.text, len(output.prompt_token_ids or ()), output.num_cached_tokens or 0, len(answer.token_ids)
    )


def main() -> None:
    """Read what is asked from the command line."""
    # What Penstock does for its engine too: see workers/engine/vllm/core.py.
    if torch.cpu._is_amx_tile_supported():  # noqa: SLF001 - torch offers this under no public name
        torch.cpu._init_amx()  # noqa: SLF001 - as above
    asked = json.loads(sys.argv[1])
    run = chat(Path(asked["path"]), asked["engine"])
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(run))


if __name__ == "__main__":
    main()
