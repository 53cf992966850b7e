"""A while of chaos on each form of Redis, with a seed of its own; a failure's output says how to have it again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.run import Form
from tests.harness.processes import ROOT

SECONDS = {Form.SINGLE: 30, Form.SENTINEL: 30, Form.CLUSTER: 30}


@pytest.mark.timeout(max(SECONDS.values()) + 300)
@pytest.mark.parametrize("form", Form)
def test_a_while_of_chaos_loses_repeats_and_changes_nothing(form: Form) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--redis", form, "--seconds", str(SECONDS[form])]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
