"""Where a run's batch is: a server that somebody else runs, or a stack that is there for this run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from penstock.cli.remote.patience import Patience
    from penstock.cli.remote.server import Server


class Host(Protocol):
    """What a run asks of the place where it is done."""

    #: How the run's state calls it.
    name: str
    server: Server
    patience: Patience
    #: Whether a batch is taken that is unlikely to be done in its window.
    accepts_late: bool
    #: The completion window of a batch that asks for none.
    window: str
    #: Whether results are there for a while after they were fetched.
    keeps_results: bool
    #: What is about to be done, "" for nothing.
    notice: str

    def __enter__(self) -> Self:
        """Make it ready. Raises SettingsError, ServerError, LocalStackError."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""

    def models(self) -> list[str]:
        """What it serves; may be asked before it is ready."""

    def check(self, pool: str) -> None:
        """Raise LocalStackError where nothing will come of a batch of that pool."""

    def leaving(self, batch: str) -> str:
        """What becomes of a batch ("" for none yet) when the command ends before it, and how to go on."""

    def forget(self) -> None:
        """Remove what is needed no more once the output is there."""
