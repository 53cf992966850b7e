"""docs/cli.md and the commands say the same."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from penstock.cli.app import app
from penstock.cli.options import EXIT_FAILED, EXIT_LINES_FAILED, EXIT_OK, EXIT_SETTINGS

PAGE = (Path(__file__).parents[4] / "docs" / "cli.md").read_text()
#: What the page says of a command: its summary, and a row per option and argument.
Entry = tuple[str, list[str]]


def documented() -> dict[str, Entry]:
    entries = {}
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        heading, summary, *lines = [line for line in section.splitlines() if line]
        entries[heading.strip("`")] = (summary, [line for line in lines if line.startswith("| `")])
    return entries


def real(path: str, command: Any) -> Iterator[tuple[str, Entry]]:
    yield path, (" ".join(command.help.split()), [row(parameter) for parameter in command.params])
    if isinstance(command, TyperGroup):
        for name, part in command.commands.items():
            yield from real(f"{path} {name}", part)


def row(parameter: Any) -> str:
    words = [*parameter.opts] if isinstance(parameter, TyperOption) else []
    metavar = "" if getattr(parameter, "is_flag", False) else parameter.metavar
    default = parameter.show_default if isinstance(parameter.show_default, str) else "none"
    name = " ".join([*words, metavar]).strip()
    return f"| `{name}` | {'required' if parameter.required else default} | {parameter.help} |"


def test_the_page_has_each_command_with_all_its_options_and_no_other() -> None:
    assert documented() == dict(real("penstock", get_command(app)))


def test_the_page_has_each_exit_status() -> None:
    statuses = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)]
    by_signal = [128 + sig for sig in (signal.SIGINT, signal.SIGPIPE)]
    assert statuses == [EXIT_OK, EXIT_FAILED, EXIT_SETTINGS, EXIT_LINES_FAILED, *by_signal]


def test_every_command_has_an_example() -> None:
    def examples(command: Any) -> Iterator[str]:
        yield command.epilog or ""
        for part in getattr(command, "commands", {}).values():
            yield from examples(part)

    assert all("penstock " in text for text in examples(get_command(app)))
