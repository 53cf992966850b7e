"""How far one turn of a walk through storage goes, and when a walk begins."""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from background import storage_walk
from background.storage_walk import Pages, StorageWalk
from penstock.errors import StorageError
from penstock.settings import StorageSettings
from penstock.storage import Storage, Stored, open_storage
from penstock.storage.folder import Folder

GRACE_S = 600.0
OBJECTS = 20


class Clock:
    """A second passes whenever somebody looks at it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        self.now_s += 1.0
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(storage_walk, "time", SimpleNamespace(monotonic=clock.monotonic, time=time.time))
    return clock


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    it = open_storage(StorageSettings(url=str(tmp_path)))
    yield it
    await it.close()


class Walking:
    """A walk, and what it visited."""

    def __init__(self, storage: Storage) -> None:
        self.walk = StorageWalk(storage, "files/", grace_s=GRACE_S)
        self.visited = list[str]()

    async def turn(self) -> list[str]:
        """What one turn visited."""
        before = len(self.visited)
        await self.walk.turn(Pages(100), self._visit)
        return self.visited[before:]

    async def until_done(self) -> int:
        """How many turns it takes from here."""
        for turns in itertools.count(1):
            await self.turn()
            if self.walk._objects is None:
                return turns
        raise AssertionError

    async def _visit(self, page: Sequence[str]) -> None:
        self.visited += page


def put(folder: Path, *, age_s: float, count: int = OBJECTS) -> set[str]:
    names = {f"files/{number}" for number in range(count)}
    at_s = time.time() - age_s
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"{}")
        os.utime(folder / name, (at_s, at_s))
    return names


@pytest.mark.parametrize("age_s", [0, 2 * GRACE_S], ids=["young", "old"])
async def test_a_walk_takes_as_many_turns_however_old_the_objects_are(
    clock: Clock, storage: Storage, tmp_path: Path, age_s: float
) -> None:
    names = put(tmp_path, age_s=age_s)
    walking = Walking(storage)
    turns = await walking.until_done()
    assert turns == pytest.approx(OBJECTS / storage_walk.TURN_S, abs=1)
    assert sorted(walking.visited) == sorted(names if age_s else ())


async def test_a_turn_visits_what_it_has_found_before_it_ends(clock: Clock, storage: Storage, tmp_path: Path) -> None:
    put(tmp_path, age_s=2 * GRACE_S)
    assert 0 < len(await Walking(storage).turn()) <= storage_walk.TURN_S


async def test_the_next_walk_begins_a_while_after_the_last_one_began(
    clock: Clock, storage: Storage, tmp_path: Path
) -> None:
    names = put(tmp_path, age_s=2 * GRACE_S)
    walking, begun_s = Walking(storage), clock.now_s
    await walking.until_done()
    assert not await walking.turn()
    clock.now_s = begun_s + GRACE_S + 5
    await walking.until_done()
    assert sorted(walking.visited) == sorted([*names, *names])


async def test_a_page_that_fails_holds_up_no_other(storage: Storage, tmp_path: Path) -> None:
    names, visited = put(tmp_path, age_s=2 * GRACE_S, count=4), list[str]()
    walk = StorageWalk(storage, "files/", grace_s=GRACE_S)

    async def visit(page: Sequence[str]) -> None:
        visited.extend(page)
        raise StorageError("It cannot be deleted.")

    while len(visited) < len(names):
        with pytest.raises(StorageError, match="cannot be deleted"):
            await walk.turn(Pages(1), visit)
    assert sorted(visited) == sorted(names)


class BreaksOnce(Folder):
    """A folder whose list breaks off after some objects, the first time."""

    has_broken = False

    def names(self, prefix: str) -> Iterator[Stored]:
        for number, one in enumerate(super().names(prefix)):
            if number == OBJECTS // 2 and not self.has_broken:
                self.has_broken = True
                raise OSError(errno.EIO, "broken")
            yield one


async def test_a_list_that_broke_off_is_begun_anew_by_the_next_turn(tmp_path: Path) -> None:
    names = put(tmp_path, age_s=2 * GRACE_S)
    storage = Storage(BreaksOnce(tmp_path), timeout_s=10.0)
    walking = Walking(storage)
    with pytest.raises(StorageError):
        await walking.turn()
    assert sorted(await walking.turn()) == sorted(names)
    await storage.close()


def test_a_page_holds_names_of_one_group_and_at_most_so_many() -> None:
    pages = Pages(2, lambda name: name[0])
    names = ["a1", "a2", "a3", "b1", "c1", "c2"]
    assert [list(pages.take(name)) for name in names] == [[], ["a1", "a2"], [], ["a3"], ["b1"], ["c1", "c2"]]
    assert not pages.rest()
