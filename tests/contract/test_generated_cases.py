"""No request that can be made of the API's document, right or wrong, gets an answer that the document does not allow.

CASES and SEED in the environment make it search longer, and elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.conftest import ENDLESS, KEY
from tests.harness.processes import ROOT
from tests.harness.stack import Stack

#: Per operation, besides those that cover each field and bound once.
CASES = os.environ.get("CASES", "10")
SEED = os.environ.get("SEED", "1")
_LIMIT_S = 900.0 + 60.0 * int(CASES)

pytestmark = pytest.mark.timeout(_LIMIT_S)


#: Parts that take about as long as each other, searched at once; a chain of requests goes through all operations.
_PARTS = (
    ("examples,coverage,fuzzing", "--include-tag=Generation"),
    ("examples,coverage,fuzzing", "--exclude-tag=Generation"),
    ("stateful",),
)


def test_the_whole_service_answers_as_described(served: Stack, tmp_path: Path) -> None:
    with ThreadPoolExecutor(len(_PARTS)) as threads:
        list(threads.map(lambda part: search(served.urls[0], tmp_path, *part), _PARTS))


def test_the_tokenizer_service_answers_as_described(tokenizer: str, tmp_path: Path) -> None:
    # Each bound of the same endpoints is tried on the whole service.
    search(tokenizer, tmp_path, "examples,fuzzing")


def search(url: str, folder: Path, phases: str, *only: str) -> None:
    """Send every case that is found. Raises AssertionError with those that went wrong, each as a curl line."""
    options = {
        "--phases": phases,
        "--url": url,
        "--header": f"Authorization: Bearer {KEY}",
        "--max-examples": CASES,
        "--seed": SEED,
        "--generation-database": "none",
        "--request-timeout": "60",
        "--warnings": "off",
        "--output-sanitize": "false",
        # Our own says more: see `refusal` among the hooks. And a job that is cancelled can still be read.
        "--exclude-checks": "positive_data_acceptance,use_after_free",
    }
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "run", f"{url}/openapi.json"),
            *("--continue-on-failure", "--no-shrink", "--no-color"),
            *(word for option in options.items() for word in option),
            f"--exclude-path={ENDLESS}",
            *only,
        ],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.contract.hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_S,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "No issues found" in done.stdout, done.stdout
