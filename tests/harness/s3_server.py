"""An S3 of the tests' own: moto's server, a process of its own that keeps objects in its memory."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import s3fs

from tests.harness.processes import end, free_port, launch
from tests.waiting import eventually

BUCKET = "penstock"


@contextlib.contextmanager
def running(log: Path) -> Iterator[dict[str, Any]]:
    """Options for it, with a bucket made."""
    port = free_port()
    process = launch([sys.executable, "-m", "moto.server", "-p", str(port)], {}, log)
    try:
        assert eventually(lambda: _listens(port)), log.read_text()
        options = {"key": "testing", "secret": "testing", "endpoint_url": f"http://127.0.0.1:{port}"}
        s3fs.S3FileSystem(**options, skip_instance_cache=True).mkdir(BUCKET)
        yield options
    finally:
        end(process)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
