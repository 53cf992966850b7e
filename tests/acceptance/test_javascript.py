"""The Responses API by OpenAI's JavaScript client, where Node.js is and npm can fetch the client."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.simulation import expected
from tests.harness.stack import Stack

SCRIPT = Path(__file__).with_name("responses.mjs")
CLIENT = "openai@6"
_INSTALL_S = 120


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client in it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed")
    home = tmp_path_factory.mktemp("javascript")
    try:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--prefer-offline", CLIENT],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=_INSTALL_S,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not fetch {CLIENT} in {_INSTALL_S} s")
    if done.returncode:
        pytest.skip(f"npm cannot fetch {CLIENT}: {done.stderr[-300:]}")
    return home


def test_the_javascript_client_makes_reads_cancels_and_deletes_responses(parts: Stack, javascript: Path) -> None:
    done = subprocess.run(
        ["node", str(SCRIPT), str(javascript), *parts.urls],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip("\n") == expected("javascript").rstrip("\n")
