"""What every kind of storage does alike."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from penstock.errors import StorageError, StorageMissingError
from penstock.settings import StorageSettings
from penstock.storage import Storage
from tests.harness.processes import ROOT
from tests.harness.storing import opened

NAME = "files/acme/file-1"
#: Longer than what is sent to a store at once.
LONG = bytes(range(256)) * 4096 * 20


class BoomError(Exception):
    """What a writer met."""


async def put(storage: Storage, name: str, content: bytes) -> None:
    async with storage.write(name) as writer:
        for at in range(0, len(content), 1 << 20):
            await writer.write(content[at : at + (1 << 20)])


async def fail_to_put(storage: Storage, name: str, content: bytes) -> None:
    async def fail() -> None:
        async with storage.write(name) as writer:
            await writer.write(content)
            raise BoomError

    with pytest.raises(BoomError):
        await fail()


async def get(storage: Storage, name: str, start: int = 0, end: int | None = None) -> bytes:
    chunks = [chunk async for chunk in storage.read(name, start, end)]
    assert all(0 < len(chunk) <= 1 << 20 for chunk in chunks)
    return b"".join(chunks)


async def names(storage: Storage, prefix: str = "") -> set[str]:
    return {one.name async for one in storage.names(prefix)}


def child(work: str, place: StorageSettings) -> subprocess.Popen[str]:
    """A process of its own that does some work there."""
    command = [sys.executable, "-m", "tests.harness.storing", work, place.model_dump_json()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def said(work: str, place: StorageSettings) -> str:
    """What came of it."""
    out, _ = child(work, place).communicate(timeout=120)
    return out.strip()


@pytest.mark.parametrize("content", [b"", b"short", LONG], ids=["empty", "short", "long"])
async def test_what_was_written_is_read(storage: Storage, content: bytes) -> None:
    await put(storage, NAME, content)
    assert await storage.size(NAME) == len(content)
    assert await get(storage, NAME) == content


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (3, 3), (5, 2), (1 << 20, (3 << 20) + 7), (len(LONG) - 1, None), (len(LONG), None)]
)
async def test_a_range_is_what_lies_in_it(storage: Storage, start: int, end: int | None) -> None:
    await put(storage, NAME, LONG)
    assert await get(storage, NAME, start, end) == LONG[start:end]


async def test_a_range_may_reach_beyond_the_end(storage: Storage) -> None:
    await put(storage, NAME, b"short")
    assert await get(storage, NAME, 3, 1000) == b"rt"
    assert await get(storage, NAME, 1000, 2000) == b""


async def test_nothing_is_visible_before_the_end(storage: Storage) -> None:
    async with storage.write(NAME) as writer:
        await writer.write(LONG)
        with pytest.raises(StorageMissingError):
            await storage.size(NAME)
        assert await names(storage) == set()
    assert await names(storage) == {NAME}


async def test_a_name_that_is_written_again_changes_all_at_once(storage: Storage) -> None:
    await put(storage, NAME, b"old")
    async with storage.write(NAME) as writer:
        await writer.write(LONG)
        assert await get(storage, NAME) == b"old"
    assert await get(storage, NAME) == LONG


@pytest.mark.parametrize("content", [b"", b"short", LONG], ids=["empty", "short", "long"])
async def test_a_writer_that_fails_leaves_what_was_there(storage: Storage, content: bytes) -> None:
    await fail_to_put(storage, NAME, content)
    assert await names(storage) == set()
    await put(storage, NAME, b"old")
    await fail_to_put(storage, NAME, content)
    assert await get(storage, NAME) == b"old"
    assert await storage.clear_unfinished(9e9) == 0


async def test_a_writer_that_is_cancelled_leaves_nothing(storage: Storage) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with storage.write(NAME) as writer:
            while True:
                await writer.write(LONG)
                begun.set()

    task = asyncio.create_task(write())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(storage) == set()
    assert await storage.clear_unfinished(9e9) == 0


async def test_a_writer_that_is_killed_leaves_what_was_there(storage: Storage, place: StorageSettings) -> None:
    if place.url.startswith("memory:"):
        pytest.skip("it is its process' own")
    await put(storage, NAME, b"old")
    victim = child("hang", place)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "writing\n"
    victim.kill()
    victim.communicate()
    assert await names(storage) == {NAME}
    assert await get(storage, NAME) == b"old"
    # What it left is no object, and goes when it is old enough.
    assert await storage.clear_unfinished(0.0) == 0
    assert await storage.clear_unfinished(9e9) == 1
    assert await storage.clear_unfinished(9e9) == 0


async def test_what_is_not_there_is_missing(storage: Storage) -> None:
    with pytest.raises(StorageMissingError):
        await storage.size(NAME)
    with pytest.raises(StorageMissingError):
        await get(storage, NAME)
    with pytest.raises(StorageMissingError):
        await storage.copy(NAME, "files/acme/file-2")
    await storage.delete(NAME)
    await put(storage, f"{NAME}/inside", b"")
    with pytest.raises(StorageMissingError):
        await storage.size(NAME)


async def test_what_is_deleted_is_gone(storage: Storage) -> None:
    await put(storage, NAME, b"short")
    await storage.delete(NAME)
    await storage.delete(NAME)
    assert await names(storage) == set()


async def test_a_copy_lives_on_without_its_source(storage: Storage) -> None:
    await put(storage, NAME, LONG)
    await put(storage, "batches/one", b"old")
    for _ in range(2):
        await storage.copy(NAME, "batches/one")
    await storage.delete(NAME)
    assert await get(storage, "batches/one") == LONG
    assert await names(storage) == {"batches/one"}


async def test_names_begin_as_asked_and_say_size_and_time(storage: Storage) -> None:
    for name in ("files/acme/1", "files/acme/12", "files/rival/1", "batches/acme/1"):
        await put(storage, name, b"short")
    assert await names(storage, "files/") == {"files/acme/1", "files/acme/12", "files/rival/1"}
    assert await names(storage, "files/acme/1") == {"files/acme/1", "files/acme/12"}
    assert await names(storage, "files/acme/1/") == set()
    assert await names(storage, "nothing/") == set()
    (one,) = [one async for one in storage.names("batches/")]
    assert one.bytes == 5
    assert 1.7e9 < one.modified_s < 9e9


@pytest.mark.parametrize("name", ["", "/files", "files/", "files//1", "../1", "files/../1", "files/.", "a/.b", "a\0"])
async def test_a_name_leads_nowhere_else(storage: Storage, name: str) -> None:
    with pytest.raises(StorageError, match="is no name of an object"):
        await put(storage, name, b"short")


async def test_another_process_sees_it_at_once(place: StorageSettings) -> None:
    one, other = opened(place), opened(place)
    assert await names(other) == set()
    await put(one, NAME, b"short")
    assert await names(other) == {NAME}
    await other.delete(NAME)
    with pytest.raises(StorageMissingError):
        await one.size(NAME)
    await one.close()
    await other.close()


async def test_memory_does_not_grow_with_what_passes_through(storage: Storage, place: StorageSettings) -> None:
    if place.url.startswith("memory:"):
        pytest.skip("it keeps all of it")
    assert int(said("measure", place)) < 40 << 20
