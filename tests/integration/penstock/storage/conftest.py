"""The kinds of storage that all are to do the same."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.settings import StorageSettings
from penstock.storage import Storage
from tests.harness import s3_server, storing

KINDS = ("folder", "file_url", "memory", "s3")
#: A folder once more, by the library that reaches the stores which we know nothing of.
LIBRARY = "library"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server of S3: the options that lead to it."""
    with s3_server.running(tmp_path_factory.mktemp("s3") / "log") as options:
        yield options


@pytest.fixture(params=[*KINDS, LIBRARY])
def place(request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> StorageSettings:
    """An empty one of each kind."""
    if request.param == LIBRARY:
        monkeypatch.setenv(storing.BY_LIBRARY, "1")
    if request.param == "s3":
        url = f"s3://{s3_server.BUCKET}/{secrets.token_hex(4)}"
        return StorageSettings(url=url, options=request.getfixturevalue("s3"))
    urls = {
        "folder": str(data_dir / "files"),
        "file_url": f"file://{data_dir}/files",
        LIBRARY: f"file://{data_dir}/files",
        "memory": f"memory://{secrets.token_hex(4)}",
    }
    return StorageSettings(url=urls[request.param])


@pytest.fixture
async def storage(place: StorageSettings) -> AsyncIterator[Storage]:
    it = storing.opened(place)
    yield it
    await it.close()
