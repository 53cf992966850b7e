"""A run's batch on a stack that is there for this run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from penstock.cli.batch_run.local_stack import LocalStack
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server
from penstock.settings.builtin import FOLDER as BUILTIN


class LocalHost:
    """A stack of this run, its data in a folder beside the output."""

    #: Nobody else waits for it.
    accepts_late = True
    keeps_results = False
    #: It goes on while nothing runs.
    window = "7d"

    def __init__(self, config: Path, folder: Path) -> None:
        """Raises SettingsError for a configuration that cannot run here."""
        self.name = f"a stack of its own ({config.stem if config.parent == BUILTIN else config.absolute()})"
        self._stack = LocalStack(config, folder)
        self.notice = f"Starting Penstock; it writes to {self._stack.log}"
        self.server = Server(self._stack.url)
        self.patience = Patience(is_known=True, sleep=self._sleep)

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.stop()

    def models(self) -> list[str]:
        """What its configuration has."""
        return [*self._stack.settings.models]

    def check(self, pool: str) -> None:
        """Whether its processes are well."""
        self._stack.check(pool)

    def leaving(self, batch: str) -> str:
        """It is kept."""
        del batch
        return "Penstock is being stopped, and what is done is kept: run the same command again to go on."

    def forget(self) -> None:
        """Its data."""
        self._stack.delete()

    def _sleep(self, seconds: float) -> None:
        """There is nothing to wait for where it has ended."""
        self._stack.check("")
        time.sleep(seconds)
