"""The folder of an embedded server's data: used by one Penstock at a time, opened by a server that can read it."""

from __future__ import annotations

import fcntl
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from penstock.broker.embedded.binary import ServerBinary
from penstock.errors import SettingsError

#: From this version on the append-only file is a folder, which older servers overlook.
_AOF_FOLDER_VERSION = (7, 0)
_AOF_FOLDER = "appendonlydir"
#: Valkey is Redis 7.2 continued, and changed the format of its files in 9.0.
_FORK_VERSION = (7, 2)
_VALKEY_FORMAT_VERSION = (9, 0)
#: The manifest's line of the file that the others build upon.
_BASE = re.compile(rb"^file (\S+) seq \d+ type b", re.MULTILINE)
#: The first field of a snapshot, after its format: `redis-ver` or `valkey-ver`, a byte of length, and the version.
_WRITER = re.compile(rb"\A(?:REDIS|VALKEY)\d+\xfa.(redis|valkey)-ver.((\d+)\.(\d+)[.\d]*)", re.DOTALL)
_WRITER_BYTES = 64
_ELSEWHERE = "or choose another folder (DATA= for make, PENSTOCK__REDIS__DATA_DIR)."


@dataclass(frozen=True, slots=True)
class Writer:
    """The server that wrote a snapshot, by its own account."""

    #: Redis or Valkey.
    name: str
    version: tuple[int, int]
    full_version: str

    @classmethod
    def of(cls, snapshot: bytes) -> Writer | None:
        """Read from a snapshot's beginning; None where it does not say."""
        found = _WRITER.match(snapshot)
        if found is None:
            return None
        return cls(found[1].decode().capitalize(), (int(found[3]), int(found[4])), found[2].decode())

    def is_read_by(self, server: ServerBinary) -> bool:
        """Whether a server knows the format of these files."""
        if self.name == server.name:
            return self.version <= server.version
        if server.name == "Valkey":
            return self.version <= _FORK_VERSION
        return self.version < _VALKEY_FORMAT_VERSION and server.version >= _FORK_VERSION

    def __str__(self) -> str:
        return f"{self.name} {self.full_version}"


class DataFolder:
    """Taken before its server starts, and kept until both that server and we have let go of it."""

    def __init__(self, path: Path, server: ServerBinary) -> None:
        self.path = path
        self._server = server
        #: The descriptor of the lock, while we have it.
        self.lock: int | None = None

    def take(self) -> None:
        """Make it ours. Raises SettingsError where that cannot be, or the server would overlook what is there."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_overlooked_data()
            if self.lock is None:
                self.lock = _locked(self.path)
        except OSError as error:
            raise SettingsError(
                f"redis.data_dir: cannot keep data in {self.path}: {error.strerror}; choose a folder that this user "
                "can write (DATA= for make, PENSTOCK__REDIS__DATA_DIR)."
            ) from None

    def free(self) -> None:
        """Leave it to others."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def why_unreadable(self) -> str | None:
        """A sentence where the data are of a server whose files ours does not know.

        For after a start that failed: the server's own words advise to repair the files, which would empty them.
        """
        writer = self._writer()
        if writer is None or writer.is_read_by(self._server):
            return None
        major, minor = writer.version
        return (
            f"redis.data_dir: {self.path} was written by {writer}, whose files {self._server.path} ({self._server}) "
            f"cannot read; they are whole. Have {writer.name} {major}.{minor} or newer serve them (the first "
            f"redis-server or valkey-server on the PATH is taken, else Penstock's own), {_ELSEWHERE}"
        )

    def _refuse_overlooked_data(self) -> None:
        if self._server.version < _AOF_FOLDER_VERSION and (self.path / _AOF_FOLDER).exists():
            raise SettingsError(
                f"redis.data_dir: {self.path} was written by {self._writer() or 'Redis 7 or newer'}, and "
                f"{self._server.path} ({self._server}) overlooks files of that form, so it would start empty; install "
                f"redis-server 7 or newer, or valkey-server, {_ELSEWHERE}"
            )

    def _writer(self) -> Writer | None:
        """Whoever wrote the snapshot with which the append-only file begins."""
        folder = self.path / _AOF_FOLDER
        try:
            found = _BASE.search((folder / "appendonly.aof.manifest").read_bytes())
            if found is None:
                return None
            with (folder / os.fsdecode(found[1])).open("rb") as file:
                return Writer.of(file.read(_WRITER_BYTES))
        except OSError:
            return None


def _locked(folder: Path) -> int:
    """Take the folder for ourselves; a server that is just ending gets a moment to let go."""
    descriptor = os.open(folder / "penstock.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + 3.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise SettingsError(
                    f"redis.data_dir: another Penstock runs on {folder}; stop it, {_ELSEWHERE}"
                ) from None
            time.sleep(0.05)
        else:
            return descriptor
