"""The two servers: Penstock as the example of the demo model has it, and vLLM's own with the same arguments."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from bench.harness.api_server import api_server
from tests.harness.up import builtin, started

#: What the example gives its engine, in the words of vLLM's command line. Penstock takes no sampling defaults from
#: the model's folder.
ARGUMENTS = (
    *("--dtype", "float32", "--max-model-len", "2048", "--block-size", "32", "--enforce-eager"),
    *("--max-num-seqs", "64", "--kv-cache-memory-bytes", str(64 << 20), "--distributed-executor-backend", "uni"),
    *("--scheduling-policy", "priority", "--generation-config", "vllm"),
    *("--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})),
)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # Penstock's limit; vLLM's own is 4.
    "VLLM_MAX_STOP_STRINGS": "16",
}


@dataclass(frozen=True)
class Servers:
    """Where both listen; `vllm` is empty where all its answers are known."""

    penstock: str
    vllm: str


@contextlib.contextmanager
def running(*, with_vllm: bool = True) -> Iterator[Servers]:
    """Both at once, ready. Raises RuntimeError with a log if one does not start."""
    with started(builtin("demo")) as penstock, contextlib.ExitStack() as stack:
        vllm = stack.enter_context(api_server(ARGUMENTS, ENVIRONMENT)) if with_vllm else None
        penstock.wait_ready()
        yield Servers(penstock.url, f"http://127.0.0.1:{vllm.port}" if vllm else "")
