"""Files whose time is over go, and so does what uploads that nobody finished have left; nothing else does."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from background import file_sweep, storage_walk
from background.file_sweep import FileSweep
from penstock.broker import files
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.keys import TenantKeys
from penstock.files.file import File, Part, Purpose, object_name
from penstock.settings import FileSettings, StorageSettings
from penstock.storage import Storage, open_storage
from penstock.storage.names import UNFINISHED
from penstock.telemetry import events
from tests.integration.open_broker import OpenBroker

TENANT = "acme"
GRACE_S = 3600.0
OLD_S = 2 * GRACE_S


@pytest.fixture
async def storage(data_dir: Path) -> AsyncIterator[Storage]:
    it = open_storage(StorageSettings(url=str(data_dir)))
    yield it
    await it.close()


@pytest.fixture
def sweep(broker: OpenBroker, storage: Storage) -> FileSweep:
    return FileSweep(broker, storage, FileSettings(orphan_grace_s=GRACE_S))


async def put(storage: Storage, folder: Path, name: str, *, age_s: float) -> None:
    async with storage.write(name) as writer:
        await writer.write(b"{}\n")
    at_s = time.time() - age_s
    os.utime(folder / name, (at_s, at_s))


async def record(broker: OpenBroker, file_id: str, *names: str, expires_ms: int = 0) -> None:
    file = File(
        id=file_id,
        tenant=TENANT,
        filename="a.jsonl",
        bytes=3 * len(names),
        lines=1,
        purpose=Purpose.BATCH,
        created_ms=1,
        expires_ms=expires_ms,
        parts=[Part(name, 3) for name in names],
    )
    await broker.run(files.touch(TENANT, int(time.time() * 1000)))
    assert await broker.run(files.put(TENANT, file)) == "put"


async def names(storage: Storage) -> set[str]:
    return {one.name async for one in storage.names()}


async def test_an_expired_file_goes_with_all_its_parts(
    sweep: FileSweep, broker: OpenBroker, storage: Storage, data_dir: Path
) -> None:
    for name in ("batches/1/0", "batches/1/1", "batches/2/0"):
        await put(storage, data_dir, name, age_s=0)
    now_ms = int(time.time() * 1000)
    await record(broker, "file-1", "batches/1/0", "batches/1/1", expires_ms=now_ms - 1)
    await record(broker, "file-2", "batches/2/0", expires_ms=now_ms + 60_000)
    await sweep.once()
    assert await names(storage) == {"batches/2/0"}
    assert await broker.ask(files.file(TENANT, "file-1")) is None
    assert await broker.ask(files.count(TENANT)) == 1
    assert await broker.ask(files.tenants()) == [TENANT]


async def test_a_tenant_that_cannot_be_read_keeps_no_other_from_the_sweep(
    sweep: FileSweep, broker: OpenBroker, storage: Storage, data_dir: Path
) -> None:
    broken = TenantKeys("aaaa").files_expiring
    await broker.client.set(broken, "mine")
    await broker.run(files.touch("aaaa", 1))
    await put(storage, data_dir, "batches/1/0", age_s=0)
    await put(storage, data_dir, object_name(TENANT, "lost"), age_s=OLD_S)
    await record(broker, "file-1", "batches/1/0", expires_ms=int(time.time() * 1000) - 1)
    with capture_logs() as lines:
        for _ in range(3):
            await sweep.once()
    assert await names(storage) == set()
    assert [line["tenant"] for line in lines if line["event"] == events.FILES_UNREADABLE] == ["aaaa"]


async def test_what_no_record_names_goes_when_it_is_old(
    sweep: FileSweep, broker: OpenBroker, storage: Storage, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_sweep, "_PAGE", 2)
    kept = {object_name(TENANT, "file-0"), object_name(TENANT, "young"), "batches/1/0", "files/no-upload"}
    for name in kept:
        await put(storage, data_dir, name, age_s=0 if "young" in name else OLD_S)
    await record(broker, "file-0", object_name(TENANT, "file-0"))
    for number in range(5):
        await put(storage, data_dir, object_name("rival", f"file-{number}"), age_s=OLD_S)
    await sweep.once()
    assert await names(storage) == kept


async def test_a_file_that_was_deleted_while_nobody_could_delete_its_object_goes(
    sweep: FileSweep, broker: OpenBroker, storage: Storage, data_dir: Path
) -> None:
    name = object_name(TENANT, "file-1")
    await put(storage, data_dir, name, age_s=OLD_S)
    await record(broker, "file-1", name)
    await broker.run(files.delete(TENANT, "file-1"))
    await sweep.once()
    assert await names(storage) == set()


async def test_what_a_killed_upload_has_left_goes(sweep: FileSweep, data_dir: Path) -> None:
    old, young = (data_dir / f"{UNFINISHED}{name}" for name in ("old", "young"))
    for path, age_s in ((old, OLD_S), (young, 0)):
        path.write_bytes(b"{}")
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    await sweep.once()
    assert (old.exists(), young.exists()) == (False, True)


async def test_a_pass_goes_on_where_the_one_before_stopped(
    sweep: FileSweep, storage: Storage, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_sweep, "_PAGE", 1)
    monkeypatch.setattr(storage_walk, "TURN_S", 0.0)
    for number in range(3):
        await put(storage, data_dir, object_name(TENANT, f"file-{number}"), age_s=OLD_S)
    left = []
    for _ in range(4):
        await sweep.once()
        left.append(len(await names(storage)))
    assert left == [2, 1, 0, 0]


async def test_while_redis_is_away_nothing_is_taken_for_an_orphan(
    own_redis: EmbeddedRedis, storage: Storage, data_dir: Path
) -> None:
    name = object_name(TENANT, "file-1")
    await put(storage, data_dir, name, age_s=OLD_S)
    broker = OpenBroker(Endpoint.parse(own_redis.url))
    own_redis.stop()
    await FileSweep(broker, storage, FileSettings(orphan_grace_s=GRACE_S)).once()
    await broker.close()
    assert name in await names(storage)
