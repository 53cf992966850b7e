"""What batches that nobody remembers have left in storage goes, and nothing else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from background import storage_walk
from background.batches import sweep as batch_sweep
from background.batches.sweep import BatchSweep
from penstock.batches.part import Kind, file_id, folder_of
from penstock.broker import batches, files
from penstock.files.file import File, Part, Purpose
from penstock.settings import StorageSettings
from penstock.storage import Storage, open_storage
from tests.integration.background.test_file_sweep import GRACE_S, OLD_S, names, put
from tests.integration.open_broker import OpenBroker

TENANT, POOL = "acme", "sim"
SETTLED, OPEN, LOST, ELSEWHERE = "batch_sim-1", "batch_sim-2", "batch_sim-3", "batch_other-4"


@pytest.fixture
async def storage(data_dir: Path) -> AsyncIterator[Storage]:
    it = open_storage(StorageSettings(url=str(data_dir)))
    yield it
    await it.close()


@pytest.fixture
async def sweep(broker: OpenBroker, storage: Storage) -> BatchSweep:
    for batch_id in (SETTLED, OPEN):
        await broker.run(
            batches.create(POOL, batch_id, TENANT, {"tenant": TENANT}, window_ms=1000, keep_ms=1000, most=10)
        )
        await broker.run(batches.take(POOL, batch_id, "t", 60_000))
    await broker.run(batches.settle(POOL, SETTLED, "t", 60_000))
    return BatchSweep(broker, storage, [POOL], GRACE_S)


async def record(broker: OpenBroker, batch_id: str, *names: str) -> None:
    file = File(
        id=file_id(batch_id, Kind.OUTPUT),
        tenant=TENANT,
        filename="a.jsonl",
        bytes=3 * len(names),
        lines=1,
        purpose=Purpose.BATCH_OUTPUT,
        created_ms=1,
        expires_ms=0,
        parts=[Part(name, 3) for name in names],
    )
    await broker.run(files.touch(TENANT, int(time.time() * 1000)))
    assert await broker.run(files.put(TENANT, file)) == "put"


async def test_what_no_file_names_goes_when_it_is_old(
    sweep: BatchSweep, broker: OpenBroker, storage: Storage, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_sweep, "_PAGE", 2)
    kept, gone = set[str](), set[str]()
    for batch_id in (SETTLED, LOST):
        named = {f"{folder_of(batch_id)}output-{number}" for number in range(3)}
        await record(broker, batch_id, *named)
        kept |= named | {f"{folder_of(batch_id)}young"}
        gone |= {f"{folder_of(batch_id)}{name}" for name in ("input", "output-in-vain", "errors-in-vain")}
    kept |= {f"{folder_of(batch_id)}input" for batch_id in (OPEN, ELSEWHERE)}
    for name in sorted(kept | gone):
        await put(storage, data_dir, name, age_s=0 if "young" in name else OLD_S)
    await sweep.once()
    assert await names(storage) == kept


async def test_a_pass_ends_in_time_and_the_next_one_goes_on(
    sweep: BatchSweep, storage: Storage, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """arq ends what takes long; what has to begin again each time would never get to the end."""
    monkeypatch.setattr(storage_walk, "TURN_S", 0.0)
    for number in range(3):
        await put(storage, data_dir, f"{folder_of(f'batch_sim-{number + 10}')}input", age_s=OLD_S)
    left = list[int]()
    for _ in range(3):
        await sweep.once()
        left.append(len(await names(storage)))
    assert left == [2, 1, 0]
