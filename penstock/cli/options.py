"""What commands share: the configuration option and the exit statuses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.settings import DEFAULT_FILE

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

EXIT_OK = 0
EXIT_FAILED = 1
#: Wrong settings or usage: starting the process again will not help.
EXIT_SETTINGS = 2


def command(
    commands: Commands, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Add a command that takes --config."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_FILE, metavar="FILE", help="configuration (default: the demo model)"
    )
    parser.set_defaults(run=run)
    return parser
