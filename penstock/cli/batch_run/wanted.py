"""What a run is asked for, and the files that it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.errors import SettingsError

if TYPE_CHECKING:
    from penstock.cli.batch_input.terms import Terms


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    input: str
    output: Path
    terms: Terms
    #: The completion window; None for that of the host.
    window: str | None
    is_ordered: bool
    is_quiet: bool

    @property
    def state(self) -> Path:
        """Where it is written down how far the run is."""
        return self.output.with_name(f"{self.output.name}.state.json")

    @property
    def folder(self) -> Path:
        """What a stack of its own has."""
        return self.output.with_name(f"{self.output.name}.penstock")

    @property
    def options(self) -> dict[str, Any]:
        """What requests and their batch follow, by the options as they are typed."""
        window = {} if self.window is None else {"--completion-window": self.window}
        return {**self.terms.options, **window}


def require_output(output: Path, given: str) -> None:
    """Raise SettingsError where no file of that name can be written, or it would be the input itself."""
    if not output.absolute().parent.is_dir():
        raise SettingsError(f"--output: there is no folder {output.parent}.")
    if output.is_dir() or output.name == "-":
        raise SettingsError(
            f"--output: {output} is no file; results are written to one, and how far they are beside it."
        )
    if output.exists() and Path(given).exists() and output.samefile(given):
        raise SettingsError(f"--output: {output} is the input itself; name another file.")
