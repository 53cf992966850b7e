"""A command imports what it needs: what starts often or many times must start fast and stay small."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Runs a command that ends at once, then imports what else its role consists of.
PROGRAM = """
import importlib, sys
from penstock.cli import main
words, *modules = (text.split() for text in sys.argv[1:])
main(words)
for (module,) in modules:
    importlib.import_module(module)
print(*sys.modules, sep="\\n", file=sys.stderr)
"""

#: What costs each process tens of megabytes, and only one has a use for.
FOR_THE_BACKGROUND = {"arq", "redis", "httpcore2"}


def imported(words: str, *modules: str) -> set[str]:
    """What a process has imported that ran a command, and these modules after it."""
    command = [sys.executable, "-c", PROGRAM, words, *modules]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    return set(said.splitlines())


@pytest.mark.parametrize(
    ("role", "main"), [("scheduler", "scheduler.main"), ("background", "background.main"), ("worker", "workers.main")]
)
def test_a_role_has_no_part_of_the_command_line_that_draws(role: str, main: str) -> None:
    modules = imported(f"{role} --config /nowhere", "penstock.cli.roles", main)
    assert not modules & {"rich", "fastapi"}
    assert role == "background" or not modules & FOR_THE_BACKGROUND


def test_an_ingress_does_not_draw() -> None:
    modules = imported("ingress --config /nowhere", "penstock.cli.roles", "ingress.main")
    assert not modules & ({"rich"} | FOR_THE_BACKGROUND)


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_a_command_without_a_configuration_loads_no_settings(words: str) -> None:
    assert not imported(words) & {"ingress", "scheduler", "workers", "redis", "asyncio", "pydantic"}


def test_a_command_that_asks_nobody_has_no_way_to_redis() -> None:
    assert not imported("config engines") & {"ingress", "scheduler", "workers", "redis", "hiredis"}


def test_a_command_for_dead_letters_loads_no_role() -> None:
    modules = imported("dead-letter list --config /nowhere")
    assert not modules & {"ingress", "scheduler", "workers", "rich", "fastapi"}


@pytest.mark.parametrize("words", ["usage", f"batch run {__file__} -o /tmp/none"])
def test_a_command_that_asks_a_server_knows_nothing_of_what_the_server_is_made_of(words: str) -> None:
    modules = imported(f"{words} --url http://127.0.0.1:1")
    assert "urllib3" in modules
    assert not modules & {"ingress", "scheduler", "workers", "hiredis", "rich", "fastapi", "pydantic"}


def test_who_asks_no_server_has_no_client() -> None:
    assert not imported("config engines") & {"urllib3", "penstock.cli.remote.server"}
