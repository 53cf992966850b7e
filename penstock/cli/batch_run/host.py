"""Where a run's batch is: a server that somebody else runs, or a stack that is there for this run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from penstock.cli.remote.patience import Patience
    from penstock.cli.remote.server import Server


class Host(Protocol):
    """What a run asks of the place where it is done."""

    #: The options that name it.
    options: list[str]
    server: Server
    patience: Patience
    #: Whether a batch is taken that is unlikely to be done in its window.
    accepts_late: bool
    #: The completion window of a batch that asks for none.
    window: str
    #: Whether results are there for a while after they were fetched.
    keeps_results: bool
    #: What is said before it is made ready, and after; "" for nothing.
    notice: str
    address: str

    def __enter__(self) -> Self:
        """Make it ready. Raises SettingsError, ServerError, LocalStackError."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""

    def models(self) -> list[str]:
        """What it serves; may be asked before it is ready."""

    def waits_for(self, pool: str) -> str:
        """What has to be there before a line of that pool can run, "" for nothing. Raises LocalStackError."""

    def leaving(self, batch: str) -> str:
        """What becomes of a batch ("" for none yet) when the command ends before it, and how to go on."""

    def kept(self, batch: str) -> str:
        """What becomes of a batch ("" for none yet) when the command ends because the server is away."""

    def forget(self) -> None:
        """Remove what is needed no more: the output is there, or the run is begun anew."""
