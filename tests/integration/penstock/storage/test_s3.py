"""What is S3's own: a bucket that is not there, a server that is away or hangs."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from penstock.errors import StorageUnavailableError
from penstock.settings import StorageSettings
from penstock.storage import open_storage
from tests.harness import s3_server
from tests.harness.processes import free_port
from tests.integration.penstock.storage.test_conformance import put


async def test_a_bucket_that_is_not_there_takes_nothing(s3: dict[str, Any]) -> None:
    storage = open_storage(StorageSettings(url="s3://nobody/files", options=s3))
    with pytest.raises(StorageUnavailableError, match="s3://nobody/files is not there"):
        await put(storage, "one", b"short")


async def test_an_upload_that_is_being_written_is_not_taken_for_left_behind(s3: dict[str, Any]) -> None:
    # To this server every upload was begun in 2010.
    storage = open_storage(StorageSettings(url=f"s3://{s3_server.BUCKET}/written", options=s3))
    async with storage.write("one") as writer:
        for _ in range(12):
            await writer.write(bytes(1 << 20))
        assert await storage.clear_unfinished(time.time() - 60) == 0
    assert await storage.size("one") == 12 << 20


async def test_a_server_that_is_away_is_told(s3: dict[str, Any]) -> None:
    away = {**s3, "endpoint_url": f"http://127.0.0.1:{free_port()}"}
    storage = open_storage(StorageSettings(url="s3://penstock/files", options=away))
    with pytest.raises(StorageUnavailableError, match="s3://penstock/files"):
        await put(storage, "one", b"short")


async def test_a_server_that_hangs_is_waited_for_no_longer_than_configured(s3: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = {**s3, "endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        storage = open_storage(StorageSettings(url="s3://penstock/files", options=hung, timeout_s=0.5))
        begun_s = time.monotonic()
        with pytest.raises(StorageUnavailableError, match=r"did not answer within 0\.5 s"):
            await storage.size("one")
        assert time.monotonic() - begun_s < 5
        await storage.close()
