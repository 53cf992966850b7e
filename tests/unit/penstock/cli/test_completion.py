"""What shells ask for by their own protocols, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.cli import main

ROLES = {"ingress", "scheduler", "background", "worker", "tokenizer"}
COMMANDS = {"up", *ROLES, "submit", "usage", "top", "jobs", "batch", "files", "webhooks", "config", "dead-letter"}
SHELLS = ["bash", "zsh", "fish"]
TWO_POOLS = "models: {a: {pool: alpha}}\npools: {alpha: {engine: simulated}, beta: {engine: simulated}}"

Offers = Callable[[str, str], str]


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Offers:
    """What a shell is told when its user has typed so much and presses the tab key."""

    def ask(shell: str, typed: str) -> str:
        words = typed.split(" ")
        asking = {
            "_PENSTOCK_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": typed,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        }
        for name, value in asking.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main([])
        assert ended.value.code == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return ask


def names(shell: str, offered: str) -> set[str]:
    """The words themselves: bash gets them alone, fish with a tab before their help, zsh as quoted pairs."""
    if shell == "zsh":
        listed = offered.partition("((")[2].rpartition("))")[0]
        return {line.split('"')[1] for line in listed.splitlines()}
    return {line.partition("\t")[0] for line in offered.splitlines()}


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_are_offered(offers: Offers, shell: str) -> None:
    assert names(shell, offers(shell, "penstock ")) == COMMANDS
    assert names(shell, offers(shell, "penstock de")) == {"dead-letter"}


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_of_a_command_are_offered(offers: Offers, shell: str) -> None:
    assert names(shell, offers(shell, "penstock dead-letter ")) == {"list", "show", "retry"}


@pytest.mark.parametrize("shell", SHELLS)
def test_options_are_offered(offers: Offers, shell: str) -> None:
    assert names(shell, offers(shell, "penstock ingress --")) == {"--config", "--processes", "--help"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("command", ["worker", "dead-letter list"])
def test_the_pools_of_the_named_configuration_are_offered(
    offers: Offers, tmp_path: Path, shell: str, command: str
) -> None:
    (file := tmp_path / "penstock.yaml").write_text(TWO_POOLS)
    typed = f"penstock {command} --config {file} --pool "
    assert names(shell, offers(shell, typed)) == {"alpha", "beta"}
    assert names(shell, offers(shell, f"{typed}b")) == {"beta"}


def test_the_pool_of_the_demo_is_offered_where_no_configuration_is_named(offers: Offers) -> None:
    assert offers("bash", "penstock worker --pool ") == "demo\n"


@pytest.mark.parametrize("content", [None, "pools: ["])
def test_a_configuration_that_cannot_be_read_has_no_pools(offers: Offers, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "penstock.yaml"
    if content:
        file.write_text(content)
    assert offers("bash", f"penstock worker --config {file} --pool ").strip() == ""
