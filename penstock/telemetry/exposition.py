"""How metrics leave a process: as text for the ingress's own route, or from a small listener of their own.

prometheus_client decides when it is first imported whether its values are shared between processes, so functions here
import it, not this module.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from penstock.errors import SettingsError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
#: Files there are mapped into memory: on a disk that is full, the next figure would end its process (SIGBUS).
_MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it get names that nobody can foresee
_PREFIX = "penstock-metrics-"
_PORTS_TRIED = 64
_END_OF_PORTS = 65536


@contextlib.contextmanager
def shared_between_processes() -> Iterator[Path]:
    """Within it this process and its children add up their metrics; enter it before any import of them.

    Gives the folder that they are in. Raises SettingsError where there is no place for one.
    """
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    try:
        _sweep(place)
        folder, lock = _new_folder(place)
    except OSError as error:
        raise SettingsError(
            f"ingress.processes: no room in {place} for the metrics that processes share: {error.strerror}; make some, "
            "or run one process."
        ) from None
    os.environ[MULTIPROCESS_DIR] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[MULTIPROCESS_DIR]
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder(place: Path) -> tuple[Path, int]:
    """A folder and the lock that says that it is in use, which children inherit."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        # Somebody swept it away before it was locked.
        os.close(lock)


def _sweep(place: Path) -> None:
    """Remove the folders of those who were killed before they could."""
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            # Another user's.
            continue
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


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
