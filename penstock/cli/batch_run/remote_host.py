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
    address = ""
    window = "24h"

    def __init__(self, url: str, *, accepts_late: bool) -> None:
        """Raises SettingsError for what is no address."""
        self.server = Server.named(url)
        self.patience = Patience()
        self.options = ["--url", self.server.url]
        self.accepts_late = accepts_late
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It goes on."""

    def models(self) -> list[str]:
        """What it serves."""
        return [model["id"] for model in self.server.get("/v1/models")["data"]]

    def waits_for(self, pool: str) -> str:
        """Whoever runs it looks after it."""
        del pool
        return ""

    def leaving(self, batch: str) -> str:
        """The batch goes on there."""
        again = "Run the same command again to go on."
        if not batch:
            return again
        cancel = shlex.join(["penstock", "batch", "cancel", batch, *url_words(self._url)])
        return (
            f"Batch {batch} goes on at {self.server.url}.\nIts results: run the same command again.\n"
            f"To cancel it: {cancel}"
        )

    def kept(self, batch: str) -> str:
        """It is on the server's disk."""
        kept = f"Batch {batch} is kept there. " if batch else ""
        return f"{kept}Run the same command again to go on when the server is back."

    def forget(self) -> None:
        """It keeps files as long as its settings say."""
