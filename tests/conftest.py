"""What all tests share: real Redis servers, old and new."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# Before any library that would look for a model hub is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

from penstock.broker.embedded import EmbeddedRedis
from tests.servers import oldest_server, serving

# How long an example takes says how busy the machine is, and no test is about that.
hypothesis_settings.register_profile("penstock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("penstock")

#: Where a file may take a minute.
_LONG = (
    "acceptance",
    "differential",
    "integration/background",
    "integration/penstock/cli",
    "integration/workers/engine",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: of several processes, none is left alone with it at the end."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: not item.path.relative_to(folder).as_posix().startswith(_LONG))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A new folder with a short path: pytest's own may be too long for a unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The oldest server, shared by all tests; what is asked of Redis is tried on each in tests/integration/broker."""
    with serving(oldest_server()) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """The URL of an empty server."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        client.script_flush()
    return redis_server.url
