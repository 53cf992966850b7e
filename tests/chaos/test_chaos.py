"""A minute of chaos with a seed of its own; a failure's output says how to have it again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.processes import ROOT

SECONDS = 60


@pytest.mark.timeout(SECONDS + 240)
def test_a_minute_of_chaos_loses_repeats_and_changes_nothing() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--seconds", str(SECONDS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
