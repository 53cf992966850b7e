from __future__ import annotations

import importlib.util
import json
import socket
from importlib.metadata import version
from pathlib import Path

import pytest

from penstock.cli import main
from penstock.cli.options import EXIT_OK, EXIT_SETTINGS
from penstock.settings import DEFAULT_FILE

SIMULATED = str(DEFAULT_FILE.with_name("simulated.yaml"))
TWO_POOLS = "models: {a: {pool: a}}\npools: {a: {engine: simulated}, b: {engine: simulated}}"


def test_a_right_configuration_is_said_to_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", SIMULATED]) == EXIT_OK
    assert capsys.readouterr().out == f"{SIMULATED}: serves sim\nsim  sim  simulated  2\n"


def test_a_right_configuration_is_one_document_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", SIMULATED, "--json"]) == EXIT_OK
    by = {"pool": "sim", "engine": "simulated", "workers": 2}
    assert json.loads(capsys.readouterr().out) == {"config": SIMULATED, "models": {"sim": by}}


def test_a_configuration_that_comes_with_penstock_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", "simulated"]) == EXIT_OK
    assert "serves sim" in capsys.readouterr().out


def test_up_says_what_to_install_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PENSTOCK__REDIS__DATA_DIR", str(data_dir))
    assert main(["up"]) == EXIT_SETTINGS
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("penstock: pools.demo.engine: vLLM is not installed here; install it (")
    assert sentence.endswith("--config simulated (CONFIG=simulated for make).")
    assert not list(data_dir.iterdir())


def test_a_wrong_configuration_ends_with_its_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "penstock.yaml"
    file.write_text("models: {a: {pool: a}}\npool: {}")
    assert main(["config", "check", "--config", str(file)]) == EXIT_SETTINGS
    assert capsys.readouterr().err == "penstock: pool: no such setting; did you mean 'pools'?\n"
    assert main(["config", "check", "--config", str(file), "--json"]) == EXIT_SETTINGS
    assert capsys.readouterr().out == ""


def test_the_schema_of_the_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == EXIT_OK
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"].keys() > {"models", "pools", "ingress"}
    assert schema["$defs"].keys() > {"VllmSettings", "SimulatedSettings"}


@pytest.mark.parametrize(("file", "names"), [(SIMULATED, "simulated\n"), (str(DEFAULT_FILE), "vllm\n")])
def test_the_engines_of_a_configuration_are_listed(file: str, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "engines", "--config", file]) == EXIT_OK
    assert capsys.readouterr().out == names


def test_engines_are_an_object_per_line_of_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "penstock.yaml"
    file.write_text("models: {a: {pool: a}}\npools: {b: {engine: simulated}, a: {engine: simulated}}")
    assert main(["config", "engines", "--config", str(file), "--json"]) == EXIT_OK
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"engine": "simulated", "pools": ["b", "a"]}


def test_a_worker_must_be_told_its_pool_where_there_are_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "penstock.yaml"
    file.write_text(TWO_POOLS)
    assert main(["worker", "--config", str(file)]) == EXIT_SETTINGS
    assert "name one with --pool (a, b)" in capsys.readouterr().err
    assert main(["worker", "--config", str(file), "--pool", "c"]) == EXIT_SETTINGS
    assert "no pool 'c'; there are a, b" in capsys.readouterr().err


def test_an_occupied_port_is_found_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        monkeypatch.setenv("PENSTOCK__INGRESS__PORT", str(occupied.getsockname()[1]))
        monkeypatch.setenv("PENSTOCK__REDIS__DATA_DIR", str(data_dir))
        assert main(["up", "--config", SIMULATED]) == EXIT_SETTINGS
    assert "Address already in use" in capsys.readouterr().err
    assert not list(data_dir.iterdir())


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == EXIT_OK
    assert capsys.readouterr().out == f"penstock {version('penstock')}\n"


@pytest.mark.parametrize(
    ("words", "panels"),
    [
        ([], ["Options", "Run everything", "Run one role", "Ask a running server", "Look after it"]),
        (["config"], ["Options", "Commands"]),
        (["dead-letter"], ["Options", "Commands"]),
        (["jobs"], ["Options", "Commands"]),
    ],
)
def test_no_command_is_no_usage_but_help(
    words: list[str], panels: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == EXIT_SETTINGS
    said = capsys.readouterr()
    assert titles(said.out) == panels
    assert said.err == ""
    assert main([*words, "--help"]) == EXIT_OK
    assert capsys.readouterr().out.strip() == said.out.strip()


@pytest.mark.parametrize("words", [[], ["config"], ["dead-letter"], ["jobs"]])
def test_each_command_is_one_line_of_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == EXIT_OK
    _, _, listed = capsys.readouterr().out.partition("╯")
    lines = [line for line in listed.splitlines() if line.startswith("│")]
    # What does not fit goes on below, where no name stands.
    assert [line for line in lines if line.startswith("│  ")] == []


def titles(text: str) -> list[str]:
    """The headings of the boxes that help consists of."""
    return [line.strip("╭╮─ ") for line in text.splitlines() if line.startswith("╭")]


@pytest.mark.parametrize(
    ("words", "sentence", "where"),
    [
        (["wroker"], "No such command 'wroker'. Did you mean 'worker'?", "penstock"),
        (["files", "content", "F"], "No such command 'content'. Did you mean 'download'?", "penstock files"),
        (["files", "lst"], "No such command 'lst'. Did you mean 'list'?", "penstock files"),
        (["batch", "create", "F"], "No such command 'create'. Did you mean 'submit'?", "penstock batch"),
        (["worker", "--pol", "a"], "No such option: --pol (Possible options: --pool)", "penstock worker"),
        (["config", "engines", "more"], "Got unexpected extra argument(s) (more)", "penstock config engines"),
        (["dead-letter", "show"], "Missing argument 'JOB'.", "penstock dead-letter show"),
        (["jobs", "list", "--limit", "0"], "--limit: '0' is too little: it must be at least 1.", "penstock jobs list"),
        (
            ["webhooks", "deliveries", "--limit", "2.5"],
            "--limit: '2.5' is no whole number.",
            "penstock webhooks deliveries",
        ),
        (["submit", "--max-tokens", "abc"], "--max-tokens: 'abc' is no whole number.", "penstock submit"),
        (["submit", "--deadline", "soon"], "--deadline: 'soon' is no number.", "penstock submit"),
        (["jobs", "cancel"], "Missing argument 'JOB...'.", "penstock jobs cancel"),
        (["ingress", "--processes", "two"], "--processes: 'two' is no whole number.", "penstock ingress"),
    ],
)
def test_a_wrong_line_ends_with_a_sentence_and_where_to_look(
    words: list[str], sentence: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == EXIT_SETTINGS
    said = capsys.readouterr()
    first, second = said.err.splitlines()
    assert first.startswith(f"penstock: {sentence}")
    assert second == f"Try '{where} --help'."
    assert said.out == ""


def test_a_word_that_a_terminal_would_obey_is_not_said_back_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--config", SIMULATED, "--pool", "\x1b[2J"]) == EXIT_SETTINGS
    assert main(["\x1b[2J"]) == EXIT_SETTINGS
    assert "\x1b" not in capsys.readouterr().err


def test_a_variable_that_does_nothing_is_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_INGRESS_PORT", "8001")
    assert main(["config", "check", "--config", "simulated"]) == EXIT_OK
    assert capsys.readouterr().err == (
        "penstock: PENSTOCK_INGRESS_PORT in the environment is no setting and does nothing; "
        "did you mean PENSTOCK__INGRESS__PORT?\n"
    )
    # Nor by what this process starts.
    assert main(["config", "check", "--config", "simulated"]) == EXIT_OK
    assert capsys.readouterr().err == ""
