"""`penstock up` in a folder of somebody's own, whatever lies there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.harness.processes import end, free_port, launch
from tests.harness.readiness import wait_ready

#: What Penstock's own packages are called, too.
NAMES = ("penstock", "ingress", "scheduler", "workers", "background")


def test_packages_of_the_same_names_in_the_folder_are_none_of_its_own(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('This is not Penstock.')\n")
    port, log = free_port(), tmp_path / "log"
    environ = {
        **os.environ,
        "PENSTOCK__INGRESS__PORT": str(port),
        "PENSTOCK__REDIS__DATA_DIR": str(tmp_path / "data"),
    }
    command = [str(Path(sys.executable).with_name("penstock")), "up", "--config", "simulated"]
    process = launch(command, environ, log, folder=tmp_path)
    try:
        wait_ready(port, process, log)
        assert "This is not Penstock." not in log.read_text()
    finally:
        assert end(process) == 0
