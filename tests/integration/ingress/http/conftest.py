"""HTTP is the same whatever server stands behind it: one is enough here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.broker.embedded import EmbeddedRedis
from penstock.settings import RedisSettings
from tests.servers import embedded_server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The server in the wheel."""
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedRedis(RedisSettings(data_dir=Path(folder)), embedded_server())
        server.start()
        yield server
        server.stop()
