"""What commands share: their options, what they come to, and the exit statuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

EXIT_OK = 0
EXIT_FAILED = 1
#: Wrong settings or usage: starting the process again will not help.
EXIT_SETTINGS = 2
#: A batch was run, and some of its lines have no answer.
EXIT_LINES_FAILED = 3

#: What a command does, returning the exit status. It is done outside typer, which would end a program without a
#: word where a pipe of its broke.
Work = Callable[[], int]

ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration: a file, or demo or simulated.",
        show_default="demo",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", show_default="off")]


def chosen(config: str | None) -> Path:
    """The configuration's file; the demo model's where none is named."""
    from penstock.settings import DEFAULT_FILE
    from penstock.settings.builtin import configuration

    return DEFAULT_FILE if config is None else configuration(config)
