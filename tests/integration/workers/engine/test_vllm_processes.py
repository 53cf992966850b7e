from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from penstock.settings.builtin import FOLDER as BUILTIN

if importlib.util.find_spec("vllm") is None:
    pytest.skip("the light installation has no vLLM", allow_module_level=True)

ROOT = Path(__file__).parents[4]
MODEL = str(BUILTIN / "demo")
HOST = Path(__file__).with_name("vllm_host.py")
DEADLINE_S = 60


@pytest.mark.parametrize("victim", ["worker", "host"])
def test_no_process_outlives_a_killed(victim: str) -> None:
    host = subprocess.Popen(
        [sys.executable, str(HOST), MODEL],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with host:
        assert host.stdout is not None
        assert host.stdout.readline().startswith("ready")
        family = psutil.Process(host.pid).children(recursive=True)
        worker = next(process for process in family if process.ppid() == host.pid)
        assert len(family) >= 2
        (host if victim == "host" else worker).kill()
        assert not psutil.wait_procs(family, timeout=DEADLINE_S)[1]
        host.kill()
