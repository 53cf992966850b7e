"""The services that are held to what they say of themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.harness import stack
from tests.harness.processes import end, free_port, spawn
from tests.harness.readiness import wait_ready
from tests.harness.stack import Stack

KEY = "sk-contract"
#: What is never read to its end.
ENDLESS = "/v1/pools/events"
INGRESS: dict[str, Any] = {
    "api_keys": [{"name": "one", "tenant": "one", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}]
}
#: Answers at once, and shortly; a request for more than its context is refused before it takes any time.
POOL: dict[str, Any] = {
    "slots": 32,
    "options": {
        "prefill_ms_base": 0.0,
        "prefill_us_per_token": 0.0,
        "itl_ms": 0.0,
        "max_model_len": 256,
        "natural_min_tokens": 2,
        "natural_max_tokens": 8,
        "kv_blocks": 1024,
    },
}


@pytest.fixture(scope="session")
def served() -> Iterator[Stack]:
    """Every process of a service whose callers need a key."""
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        stack.running(Path(folder), POOL, ingress=INGRESS) as it,
    ):
        yield it


@pytest.fixture(scope="session")
def tokenizer(served: Stack) -> Iterator[str]:
    """The tokenizer service, by the same configuration."""
    port, log = free_port(), served.folder / "tokenizer.log"
    process = spawn(
        ["tokenizer", "--config", str(served.folder / "penstock.yaml")], {"PENSTOCK__TOKENIZER__PORT": str(port)}, log
    )
    try:
        wait_ready(port, process, log, "/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)
