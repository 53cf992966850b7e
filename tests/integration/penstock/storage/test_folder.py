"""What is the folder's own: a disk that is full, one that is not ours, and what cannot be linked."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from penstock.errors import StorageFullError, StorageUnavailableError
from penstock.settings import StorageSettings
from penstock.storage import open_storage
from penstock.storage.folder import FolderDraft
from tests.integration.penstock.storage.test_conformance import get, names, put, said


async def test_a_disk_without_room_is_full_and_has_nothing_of_it(data_dir: Path) -> None:
    place = StorageSettings(url=str(data_dir / "files"))
    assert said("fill", place) == "StorageFullError"
    storage = open_storage(place)
    assert await names(storage) == set()
    assert await storage.clear_unfinished(9e9) == 0


async def test_a_full_disk_is_told_in_our_words(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: FolderDraft, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FolderDraft, "write", full)
    storage = open_storage(StorageSettings(url=str(data_dir)))
    with pytest.raises(StorageFullError, match=f"no room left in the folder {data_dir}"):
        await put(storage, "files/one", b"short")


def test_a_folder_of_somebody_else_is_denied(data_dir: Path) -> None:
    data_dir.chmod(0o555)
    assert said("try_as_nobody", StorageSettings(url=str(data_dir / "files"))) == "StorageDeniedError"


async def test_a_folder_that_cannot_be_made_is_told(data_dir: Path) -> None:
    (data_dir / "files").write_text("no folder")
    storage = open_storage(StorageSettings(url=str(data_dir / "files")))
    with pytest.raises(StorageUnavailableError, match="cannot be used"):
        await put(storage, "acme/one", b"short")


async def test_where_nothing_can_be_linked_it_is_copied(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    storage = open_storage(StorageSettings(url=str(data_dir)))
    await put(storage, "one", b"short")
    await storage.copy("one", "two")
    assert await get(storage, "two") == b"short"


async def test_the_last_object_takes_its_folder_along(data_dir: Path) -> None:
    """Each batch has one: a million batches leave a million empty folders otherwise."""
    storage = open_storage(StorageSettings(url=str(data_dir)))
    await put(storage, "batches/one/a", b"short")
    await put(storage, "batches/one/b", b"short")
    await storage.delete("batches/one/a")
    assert await names(storage) == {"batches/one/b"}
    await storage.delete("batches/one/b")
    assert list((data_dir / "batches").iterdir()) == []


async def test_a_folder_that_goes_while_an_object_is_begun_is_made_again(data_dir: Path) -> None:
    storage = open_storage(StorageSettings(url=str(data_dir)))

    async def come_and_go(name: str) -> None:
        for _ in range(100):
            await put(storage, name, b"short")
            await storage.delete(name)

    await asyncio.gather(*(come_and_go(f"batches/one/{number}") for number in range(4)))
    assert await names(storage) == set()
