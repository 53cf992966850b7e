"""How metrics leave a process: as text for the ingress's own route, or from a small listener of their own.

prometheus_client decides when it is first imported whether its values are shared between processes, so functions here
import it, not this module.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from penstock.errors import SettingsError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_PORTS_TRIED = 64
_END_OF_PORTS = 65536


def share_between_processes(folder: Path) -> None:
    """Have this process and its children add up their metrics in an empty folder; call it before any import of them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[MULTIPROCESS_DIR] = str(folder)


def forget_process(pid: int) -> None:
    """Take an ended process's gauges out of the shared figures; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def render() -> bytes:
    """This process's metrics, or those of all processes that share them, in Prometheus' text format."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if MULTIPROCESS_DIR not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


@contextlib.contextmanager
def serve(host: str, first_port: int) -> Iterator[int]:
    """Serve this process's metrics from a thread on the first free port from `first_port` on; gives that port.

    A first port of 0 serves nothing and gives 0. Raises SettingsError where no port is free.
    """
    from prometheus_client import start_http_server

    if not first_port:
        yield 0
        return
    for port in range(first_port, min(first_port + _PORTS_TRIED, _END_OF_PORTS)):
        try:
            server, thread = start_http_server(port, addr=host)
        except OSError:
            continue
        try:
            yield port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
        return
    raise SettingsError(f"telemetry: no free port for metrics from {first_port} on; choose another first port.")
