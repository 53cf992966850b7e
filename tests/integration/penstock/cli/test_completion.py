"""Completion as a real shell has it: the script that `penstock` gives it, called as the tab key calls it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.settings import DEFAULT_FILE

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")

SIMULATED = DEFAULT_FILE.with_name("simulated.yaml")
#: What bash does at the tab key.
PRESS_TAB = """
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_penstock_completion penstock
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder, with a `penstock` on the PATH that is the one under test."""
    program = tmp_path / "penstock"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m penstock.cli "$@"\n')
    program.chmod(0o755)
    return tmp_path


def bash(home: Path, script: str) -> str:
    environ = {**os.environ, "HOME": str(home), "PATH": f"{home}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("penstock sch", "scheduler\n"),
        ("penstock dead-letter ''", "list\nshow\nretry\n"),
        (f"penstock worker --config {SIMULATED} --pool ''", "sim\n"),
    ],
)
def test_the_script_that_it_shows_completes(home: Path, words: str, offered: str) -> None:
    assert bash(home, 'eval "$(penstock --show-completion)"' + PRESS_TAB.format(words=words)) == offered


def test_the_script_that_it_installs_completes(home: Path) -> None:
    bash(home, "penstock --install-completion; true")
    assert bash(home, 'source "$HOME/.bashrc"' + PRESS_TAB.format(words="penstock tok")) == "tokenizer\n"
