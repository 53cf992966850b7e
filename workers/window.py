"""Which part of an instance's journal recovery still needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.job.run import Run

#: A long generation's record is large: few are written in one round trip.
_MOST_CHECKPOINTS = 4


class _Since(Struct, frozen=True):
    step: int
    #: The journal's last entry when the run's first frame was yet to come; "0" for none.
    entry: str


class JournalWindow:
    """Runs by the age of what the journal alone knows of them, oldest first.

    After `checkpoint_steps` a job's tokens move into its record, so that one long job does not keep the whole journal.
    """

    def __init__(self, checkpoint_steps: int) -> None:
        self._checkpoint_steps = checkpoint_steps
        self._open: dict[Run, _Since] = {}
        self._step = 0
        self._last_entry = "0"
        self._cleared = "0"

    @property
    def spent(self) -> str:
        """The journal's last entry, where neither it nor any before is needed and they are still there; else ""."""
        return "" if self._open or self._cleared == self._last_entry else self._last_entry

    @property
    def oldest(self) -> str:
        """The first journal id still needed."""
        return next(iter(self._open.values())).entry if self._open else self._last_entry

    def __iter__(self) -> Iterator[Run]:
        """Runs that are open."""
        return iter(self._open)

    def open(self, run: Run) -> None:
        """From now on the journal has frames of a run, or after a checkpoint: those since."""
        self._open.pop(run, None)
        self._open[run] = _Since(self._step, self._last_entry)

    def close(self, run: Run) -> None:
        """The record has everything."""
        self._open.pop(run, None)

    def wrote(self, entry: str) -> None:
        """A step is in the journal."""
        self._step += 1
        self._last_entry = entry

    def cleared(self, entry: str) -> None:
        """The journal has nothing any more up to this entry."""
        self._cleared = entry

    def due(self) -> list[Run]:
        """Runs whose tokens should go into their records now."""
        due: list[Run] = []
        for run, since in self._open.items():
            if self._step - since.step < self._checkpoint_steps or len(due) == _MOST_CHECKPOINTS:
                break
            due.append(run)
        return due
