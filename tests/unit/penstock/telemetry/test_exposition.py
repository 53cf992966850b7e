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
with exposition.shared_between_processes() as folder:
    from penstock.telemetry import metrics
    if os.fork() == 0:
        metrics.REQUESTS.labels("sim", "200").inc(2)
        os._exit(0)
    os.wait()
    metrics.REQUESTS.labels("sim", "200").inc(3)
    print(folder)
    print(exposition.render().decode())
assert not folder.exists()
"""
WAIT_IN_A_SHARED_FOLDER = """
import time
from penstock.telemetry import exposition
with exposition.shared_between_processes() as folder:
    print(folder, flush=True)
    time.sleep(60)
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


def test_processes_add_up_in_memory_and_leave_nothing_behind() -> None:
    said = subprocess.run([sys.executable, "-c", COUNT_IN_TWO_PROCESSES], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("/dev/shm/penstock-metrics-")
    assert 'penstock_requests_total{model="sim",status="200"} 5.0' in said.stdout
    assert exposition.MULTIPROCESS_DIR not in os.environ


def test_what_a_killed_process_left_is_swept_away_and_what_is_in_use_stays() -> None:
    command = [sys.executable, "-c", WAIT_IN_A_SHARED_FOLDER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        with exposition.shared_between_processes() as ours:
            assert folder.exists()
            assert ours != folder
        process.kill()
        process.wait()
        assert folder.exists()
        with exposition.shared_between_processes():
            assert not folder.exists()


def test_no_room_for_shared_metrics_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "_MEMORY", Path("/nowhere"))
    monkeypatch.setattr("tempfile.tempdir", "/proc/self")
    with (
        pytest.raises(SettingsError, match=r"^ingress\.processes: no room in /proc/self for the metrics"),
        exposition.shared_between_processes(),
    ):
        pass
