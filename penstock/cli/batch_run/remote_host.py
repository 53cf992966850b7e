"""A run's batch on a server that somebody else runs."""

from __future__ import annotations

import shlex
from typing import Self

from penstock.cli.remote.options import url_words
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.server import Server


class RemoteHost:
    """A running server."""

    keeps_results = True
    notice = ""
    window = "24h"

    def __init__(self, url: str, *, accepts_late: bool) -> None:
        """Raises SettingsError for what is no address."""
        self.server = Server.named(url)
        self.patience = Patience()
        self.name = self.server.url
        self.accepts_late = accepts_late
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It goes on."""

    def models(self) -> list[str]:
        """What it serves."""
        return [model["id"] for model in self.server.get("/v1/models")["data"]]

    def check(self, pool: str) -> None:
        """Whoever runs it looks after it."""

    def leaving(self, batch: str) -> str:
        """The batch goes on there."""
        again = "Run the same command again to go on."
        if not batch:
            return again
        cancel = shlex.join(["penstock", "batch", "cancel", batch, *url_words(self._url)])
        return f"Batch {batch} goes on at {self.name}.\nIts results: run the same command again.\nIts end: {cancel}"

    def forget(self) -> None:
        """It keeps files as long as its settings say."""
