"""`make up` as the README has it, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from tests.harness.processes import ROOT, family, free_port, launch
from tests.harness.readiness import wait_ready
from tests.harness.up import curled
from tests.waiting import eventually, is_alive

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv" / "stamps" / "vllm").exists(), reason="not started by make, which would have to install first"
)

#: So that the make above us, if there is one, does not speak into it.
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PENSTOCK"))}


@pytest.mark.parametrize(("words", "model"), [((), "demo"), (("CONFIG=simulated",), "sim")])
def test_make_up_prints_a_curl_line_that_works_and_ends_at_ctrl_c(words: tuple[str, ...], model: str) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        log = folder / "log"
        command = ["make", "up", f"PORT={port}", f"DATA={folder / 'data'}", *words]
        make = launch(command, ENVIRON, log, start_new_session=True)
        try:
            wait_ready(port, make, log)
            assert eventually(lambda: "curl" in log.read_text())
            said = curled(log)
            processes = [process.pid for process in family(make.pid)]
        finally:
            os.killpg(make.pid, signal.SIGINT)
            make.wait(60)

        told = log.read_text()
        assert f"http://127.0.0.1:{port} (models: {model})" in told
        assert not [line for line in told.splitlines() if "[error" in line or "Traceback" in line], told
        assert said.startswith("data: {")
        assert said.endswith("data: [DONE]\n\n")
        assert (folder / "data").is_dir()
        assert not [pid for pid in processes if is_alive(pid)]
