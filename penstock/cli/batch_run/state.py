"""How far a run has come: a small file beside its output, so that the same command goes on where the last one was."""

from __future__ import annotations

import enum
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.cli.batch_run.durable import replace, sync_folder
from penstock.errors import PenstockError, SettingsError

VERSION = 1


class RunState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a run; each step is written down before the next is begun."""

    version: int = VERSION
    #: Of the input and the options.
    digest: str
    #: The address of the server, or the stack of its own.
    server: str
    #: By which the server's batch is recognised where the answer to its creation was lost.
    token: str
    file: str = ""
    batch: str = ""
    #: Whether the output is there, and how many of its requests have no answer.
    is_done: bool = False
    failed: int = 0


class Place(Struct, frozen=True, kw_only=True):
    """The files of a run."""

    output: Path
    state: Path
    has_output: bool

    @property
    def all_of_it(self) -> str:
        """What there is of them."""
        return f"{self.state} and {self.output}" if self.has_output else str(self.state)


class Step(enum.Enum):
    """What the command does first."""

    BEGIN = "begin"
    GO_ON = "go on"
    #: The output is there, and complete.
    NOTHING = "nothing"


def first_step(former: RunState | None, wanted: RunState, *, place: Place, is_kept: bool) -> Step:
    """Decide from what was written down and what is asked for now. Raises SettingsError where these exclude each other.

    A file that is not the run's own is never replaced. `is_kept` tells whether the results of a run whose output is
    there can be had once more.
    """
    if former is None:
        if place.has_output:
            raise SettingsError(f"--output: {place.output} is there already; delete it, or name another file.")
        return Step.BEGIN
    if former.digest != wanted.digest:
        raise SettingsError(
            f"--output: {place.output} belongs to a run with another input or other options ({place.state}). Give "
            f"those again, name another file, or delete {place.all_of_it} to begin anew."
        )
    if former.server != wanted.server:
        raise SettingsError(
            f"The run for {place.output} was begun on {former.server}, and now it is {wanted.server}. Go on there, or "
            f"delete {place.state} to begin anew."
        )
    if not former.is_done:
        return Step.GO_ON
    if place.has_output:
        return Step.NOTHING
    return Step.GO_ON if is_kept else Step.BEGIN


class StateFile:
    """The file of one run, which one process at a time has."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def read(self) -> RunState | None:
        """What was written last; None for a run that has not begun. Raises SettingsError."""
        content = self.path.read_bytes()
        if not content:
            return None
        try:
            return msgspec.json.decode(content, type=RunState)
        except msgspec.DecodeError:
            raise SettingsError(
                f"{self.path}: it is no state of a run that this version of Penstock can read; delete it to begin anew."
            ) from None

    def write(self, state: RunState) -> None:
        """Write it down, durably and all at once."""
        beside = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        # Ours before it has its name: nobody finds it free.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        os.fsync(descriptor)
        replace(beside, self.path)
        former, self._descriptor = self._descriptor, descriptor
        os.close(former)

    def delete(self) -> None:
        """Forget the run."""
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)

    def close(self) -> None:
        """Leave it to others; one in which nothing was written leaves nothing behind."""
        if os.fstat(self._descriptor).st_size == 0 and os.fstat(self._descriptor).st_nlink:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


class RunBusyError(PenstockError):
    """Another command is at work on the same output."""


@contextmanager
def locked(path: Path) -> Iterator[StateFile]:
    """The state of a run, kept from others meanwhile. Raises SettingsError, RunBusyError."""
    file = StateFile(path, _lock(path))
    try:
        yield file
    finally:
        file.close()


def _lock(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise SettingsError(f"--output: cannot write {path}: {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RunBusyError(f"Another `penstock batch run` is at work on it ({path}).") from None
        if _is_at(path, descriptor):
            return descriptor
        # It was replaced, or deleted, before it was ours.
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
