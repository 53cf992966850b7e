"""A folder of this machine, or one that several machines share.

An object is written beside its place and renamed into it: the kernel shows the old one or the new one, never a part.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from penstock.storage.driver import Stored
from penstock.storage.names import UNFINISHED

T = TypeVar("T")

_READ_BYTES = 1 << 20
#: In each, the folder would have to go between two calls that follow each other.
_TRIES = 10


class FolderDraft:
    """A file beside the object that it shall be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = _beside(path)
        self._lock = threading.Lock()
        self._file = _in_folder(path.parent, lambda: self._beside.open("xb", buffering=0))

    def write(self, data: bytes) -> None:
        """Append."""
        with self._lock:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]

    def commit(self) -> None:
        """Onto the disk first, then into its place."""
        with self._lock:
            os.fsync(self._file.fileno())
            self._file.close()
            self._beside.replace(self._path)
            _sync_folder(self._path.parent)

    def discard(self) -> None:
        """Remove it."""
        with self._lock:
            self._file.close()
            self._beside.unlink(missing_ok=True)


class Folder:
    """The driver for a folder, which is made when it is first needed."""

    read_bytes = _READ_BYTES

    def __init__(self, root: Path) -> None:
        self._root = root
        self.where = f"the folder {root}"

    def create(self, name: str) -> FolderDraft:
        """Begin an object."""
        return FolderDraft(self._root / name)

    def read(self, name: str, start: int, end: int) -> bytes:
        """Some of its bytes; fewer where it has become shorter."""
        with (self._root / name).open("rb", buffering=0) as file:
            file.seek(start)
            return b"".join(iter(lambda: file.read(end - file.tell()), b""))

    def size(self, name: str) -> int:
        """How many bytes it has."""
        path = self._root / name
        with suppress(NotADirectoryError):
            known = path.stat()
            if stat.S_ISREG(known.st_mode):
                return known.st_size
        raise FileNotFoundError(path)

    def delete(self, name: str) -> None:
        """Delete it, and do not mind if it is not there."""
        path = self._root / name
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            _sync_folder(path.parent)
        # Each batch has a folder of its own: the last object takes it along.
        if path.parent != self._root:
            with suppress(OSError):
                path.parent.rmdir()

    def copy(self, source: str, target: str) -> None:
        """A second name for the same bytes, which never change; a copy where the file system has no such thing."""
        path = self._root / target
        beside = _beside(path)
        try:
            _in_folder(path.parent, lambda: _link(self._root / source, beside))
            beside.replace(path)
            _sync_folder(path.parent)
        finally:
            # Of two names for one file the kernel renames neither.
            beside.unlink(missing_ok=True)

    def names(self, prefix: str) -> Iterator[Stored]:
        """The objects whose names begin so."""
        folder = prefix.rpartition("/")[0]
        for entry in _files(self._root / folder):
            if not entry.name.startswith(UNFINISHED):
                name = Path(entry.path).relative_to(self._root).as_posix()
                if name.startswith(prefix) and (known := _status(entry)):
                    yield Stored(name, known.st_size, known.st_mtime)

    def clear_unfinished(self, before_s: float) -> Iterator[bool]:
        """Remove what has not been written to since."""
        for entry in _files(self._root):
            known = _status(entry) if entry.name.startswith(UNFINISHED) else None
            is_old = known is not None and known.st_mtime < before_s
            if is_old:
                Path(entry.path).unlink(missing_ok=True)
            yield is_old


def _beside(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")


def _in_folder(folder: Path, make: Callable[[], T]) -> T:
    """What is made in a folder, which is made before; and again, where others take its last object meanwhile."""
    for _ in range(_TRIES - 1):
        # Where it goes while it is made, pathlib says that it exists.
        with suppress(FileNotFoundError, FileExistsError):
            _make_folder(folder)
            return make()
    _make_folder(folder)
    return make()


def _make_folder(folder: Path) -> None:
    """Make it and those above it, durably."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """What was renamed or made in it is there after a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All files in it, however deep; what is removed meanwhile is left out."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return entry.stat()
    return None
