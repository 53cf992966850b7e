"""A run's batch on a stack that is there for this run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from penstock.cli.batch_run.local_stack import LocalStack
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server
from penstock.settings import DEFAULT_FILE
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
        named = config.stem if config.parent == BUILTIN else str(config.absolute())
        self.options = ["--local"] if config == DEFAULT_FILE else ["--local", "--config", named]
        self._stack = LocalStack(config, folder)
        self.notice = f"Starting Penstock; it writes to {self._stack.log}"
        self.address = f"To look at it: penstock top --url {self._stack.url}"
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

    def waits_for(self, pool: str) -> str:
        """Its engine loads while the input is checked."""
        return "" if self._stack.check(pool) else "Starting the engine"

    def leaving(self, batch: str) -> str:
        """It is kept."""
        del batch
        return "Penstock is being stopped, and what is done is kept: run the same command again to go on."

    def kept(self, batch: str) -> str:
        """As after any end."""
        return self.leaving(batch)

    def forget(self) -> None:
        """Its data."""
        self._stack.delete()

    def _sleep(self, seconds: float) -> None:
        """There is nothing to wait for where it has ended."""
        self._stack.check("")
        time.sleep(seconds)
