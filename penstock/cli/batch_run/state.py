"""How far a run has come: a small file beside its output, so that the same command goes on where the last one was."""

from __future__ import annotations

import enum
import fcntl
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from penstock.cli.batch_run.durable import replace, sync_folder
from penstock.errors import PenstockError, SettingsError

VERSION = 2
#: Of a value that is told; a longer one is only called another.
_SHORT = 40


class RunState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a run; each step is written down before the next is begun."""

    version: int = VERSION
    #: The digest of the input.
    input: str
    #: The options that requests and their batch follow, as they are typed.
    options: Mapping[str, Any]
    #: The options that name its server, or the stack of its own.
    host: Sequence[str]
    #: By which the server's batch is recognised where the answer to its creation was lost.
    token: str
    file: str = ""
    batch: str = ""
    #: Whether the output is there, and how many of its requests have no answer.
    is_done: bool = False
    failed: int = 0
    #: How its batch ended.
    status: str = ""

    @property
    def is_local(self) -> bool:
        """Whether its stack is its own."""
        return "--local" in self.host


class Place(Struct, frozen=True, kw_only=True):
    """The files of a run."""

    output: Path
    state: Path
    has_output: bool
    #: What a stack of its own has.
    folder: Path


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
    if differences := _differences(former, wanted):
        raise SettingsError(
            f"--output: {place.output} belongs to a run {', '.join(differences)} ({place.state}). Repeat that command "
            f"to go on, or name another file. To begin anew, {_abandoned(former, place)}."
        )
    if not former.is_done:
        return Step.GO_ON
    if place.has_output:
        return Step.NOTHING
    return Step.GO_ON if is_kept else Step.BEGIN


def _differences(former: RunState, wanted: RunState) -> list[str]:
    """What the former command had that this one has not."""
    told = [] if former.host == wanted.host else [f"with {shlex.join(former.host)} (now {shlex.join(wanted.host)})"]
    if former.input != wanted.input:
        told.append("with another input")
    names = dict.fromkeys([*former.options, *wanted.options])
    values = ((name, former.options.get(name), wanted.options.get(name)) for name in names)
    return told + [_difference(*one) for one in values if one[1] != one[2]]


def _difference(name: str, former: Any, wanted: Any) -> str:
    if former is None:
        return f"without {name}"
    before, now = (msgspec.json.encode(value).decode() for value in (former, wanted))
    if len(before) > _SHORT or (wanted is not None and len(now) > _SHORT):
        return f"with another {name}" if wanted is not None else f"with {name}"
    return f"with {name} {before} (now {now if wanted is not None else 'without it'})"


def _abandoned(former: RunState, place: Place) -> str:
    """What there is to do about a run that nobody goes on with."""
    files = [str(place.state)]
    if place.has_output:
        files.append(str(place.output))
    if former.is_local and not former.is_done:
        files.append(str(place.folder))
    deleted = f"delete {' and '.join(files)}"
    if former.is_local or former.is_done or not former.batch:
        return deleted
    return f"run `{shlex.join(['penstock', 'batch', 'cancel', former.batch, *former.host])}` and {deleted}"


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
