from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from penstock.errors import SettingsError
from penstock.telemetry import exposition, metrics

COUNT_IN_TWO_PROCESSES = """
import os, sys
from pathlib import Path
from penstock.telemetry import exposition
exposition.share_between_processes(Path(sys.argv[1]))
from penstock.telemetry import metrics
if os.fork() == 0:
    metrics.REQUESTS.labels("sim", "200").inc(2)
    os._exit(0)
os.wait()
metrics.REQUESTS.labels("sim", "200").inc(3)
print(exposition.render().decode())
"""


def test_a_process_serves_its_metrics_on_the_first_free_port() -> None:
    metrics.REDIS_ERRORS.labels("full").inc()
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        first = occupied.getsockname()[1]
        with exposition.serve("127.0.0.1", first) as port:
            assert port > first
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                assert b'penstock_redis_errors_total{kind="full"}' in answer.read()


def test_no_port_at_all_is_a_wrong_setting() -> None:
    with (
        pytest.raises(SettingsError, match="no free port for metrics from 65536 on"),
        exposition.serve("127.0.0.1", 65536),
    ):
        pass


def test_processes_that_share_a_folder_add_up(tmp_path: Path) -> None:
    stale = tmp_path / "metrics" / "counter_1.db"
    stale.parent.mkdir()
    stale.write_bytes(b"of a former run")
    said = subprocess.run(
        [sys.executable, "-c", COUNT_IN_TWO_PROCESSES, stale.parent], capture_output=True, text=True, check=True
    )
    assert 'penstock_requests_total{model="sim",status="200"} 5.0' in said.stdout
    assert not stale.exists()
    assert exposition.MULTIPROCESS_DIR not in os.environ
