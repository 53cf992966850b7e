"""Commands that are run for their output: on a terminal, into a pipe without a reader, onto a full disk."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

from penstock.broker.embedded import EmbeddedRedis
from penstock.broker.keys import PoolKeys
from penstock.cli.options import EXIT_FAILED, EXIT_OK
from penstock.settings import RedisSettings
from tests.harness.terminal import shown_by

DEADLINE_S = 60.0
PENSTOCK = [sys.executable, "-m", "penstock.cli"]
JOB = "sim-0"
#: A worker's last words, which would clear the screen and give the window another title.
WHY = "\x1b[2J\x1b]0;yours\x07 engine\nlost"
LETTERS = 200
#: With so many letters of this size, more than a pipe holds.
PADDING = "." * 1000
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)[0-8]")

COMMANDS = [
    ["--help"],
    ["--version"],
    ["worker", "--help"],
    ["config", "check"],
    ["config", "check", "--json"],
    ["config", "engines"],
    ["config", "engines", "--json"],
    ["dead-letter", "list"],
    ["dead-letter", "list", "--json"],
    ["dead-letter", "show", JOB],
]


@pytest.fixture(scope="module")
def config() -> Iterator[list[str]]:
    """The option that names a configuration whose pool has dead letters."""
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as name:
        server = EmbeddedRedis(RedisSettings(data_dir=Path(name)))
        server.start()
        with redis.Redis.from_url(server.url) as client:
            for number in range(LETTERS):
                loss = {"worker": "w.1", "why": WHY + PADDING * (number > 0), "at_ms": 0}
                letter = {"j": f"sim-{number}", "at_ms": 0, "losses": 3, "evidence": json.dumps([loss])}
                client.xadd(PoolKeys("sim").dead_letters, letter)
        file = Path(name) / "penstock.yaml"
        pools = {"sim": {"engine": "simulated"}}
        file.write_text(
            yaml.safe_dump({"redis": {"url": server.url}, "models": {"sim": {"pool": "sim"}}, "pools": pools})
        )
        yield ["--config", str(file)]
        server.stop()


def line(command: list[str], config: list[str]) -> list[str]:
    takes_none = command[-1] in ("--help", "--version")
    return [*PENSTOCK, *command, *([] if takes_none else config)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_on_a_full_disk_a_command_says_so(config: list[str], command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            line(command, config), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S
        )
    assert done.stderr == "penstock: The output cannot be written: No space left on device.\n"
    assert done.returncode == EXIT_FAILED


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_reader_a_command_ends_as_unix_tools_do(config: list[str], command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        line(command, config), stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == -signal.SIGPIPE


def test_a_reader_that_has_enough_ends_a_long_list(config: list[str]) -> None:
    shell = ["bash", "-c", 'set -o pipefail; "$@" | head -1', "bash"]
    command = line(["dead-letter", "list", "--json"], config)
    done = subprocess.run([*shell, *command], capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert json.loads(done.stdout)["job"] == JOB
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_list_is_a_table_on_a_terminal_and_its_values_are_not_obeyed(config: list[str]) -> None:
    shown = shown_by(line(["dead-letter", "list"], config), {"NO_COLOR": "1", "TZ": "UTC"})
    headings, rule, first, *_ = [line for line in shown.splitlines() if line.strip()]
    assert headings.split() == ["Job", "Given", "up", "Workers", "Model", "Why"]
    assert set(rule.strip()) == {"─"}
    assert first.split() == [
        *(JOB, "1970-01-01", "00:00", "3", "lost", "(record", "expired)"),
        *(r"\x1b[2J\x1b]0;yours\x07", r"engine\nlost"),
    ]
    assert "\x1b" not in shown


def test_a_list_is_aligned_lines_in_a_pipe(config: list[str]) -> None:
    done = subprocess.run(
        line(["dead-letter", "list"], config), capture_output=True, text=True, check=True, timeout=DEADLINE_S
    )
    assert done.stdout.splitlines()[0] == (
        rf"{JOB}    1970-01-01T00:00:00+00:00  3 lost  (record expired)  \x1b[2J\x1b]0;yours\x07 engine\nlost"
    )
    assert len(done.stdout.splitlines()) == LETTERS


def test_json_is_the_same_on_a_terminal(config: list[str]) -> None:
    shown = shown_by(line(["dead-letter", "show", JOB], config), {})
    assert "\x1b" not in shown
    assert json.loads(shown)["evidence"][0]["why"] == WHY


@pytest.mark.parametrize("command", [["--help"], ["config", "check"]], ids=" ".join)
def test_colours_are_for_terminals_and_not_for_who_wants_none(config: list[str], command: list[str]) -> None:
    assert "\x1b[" in shown_by(line(command, config), {})
    assert not COLOUR.search(shown_by(line(command, config), {"NO_COLOR": "1"}))
    piped = subprocess.run(line(command, config), capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    assert "\x1b" not in piped.stdout


def test_what_an_encoding_lacks_is_written_as_an_escape(config: list[str]) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(line(["--help"], config), env=environ, capture_output=True, check=False, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (EXIT_OK, b"")


def test_ctrl_c_ends_a_command_quietly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        environ = {**os.environ, "PENSTOCK__REDIS__URL": f"redis://127.0.0.1:{mute.getsockname()[1]}"}
        # Whoever runs the tests in the background has it ignored.
        command = ["env", "--default-signal=INT", *PENSTOCK, "dead-letter", "list"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as process:
            connection, _ = mute.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, said) == (128 + signal.SIGINT, b"")


@pytest.mark.parametrize("error", ["RuntimeError('Oh.')", "BrokenPipeError('Oh.')"])
def test_an_error_that_nobody_expected_is_a_plain_traceback_without_values(error: str) -> None:
    program = f"""
from penstock import settings
from penstock.cli.__main__ import run
def load(file):
    key = "sk-" + "secret"
    raise {error}
settings.load = load
run()
"""
    command = [sys.executable, "-c", program, "dead-letter", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == EXIT_FAILED
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("Error: Oh.\n")
    assert "sk-secret" not in done.stderr
