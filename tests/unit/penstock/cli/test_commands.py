from __future__ import annotations

import socket
from pathlib import Path

import pytest

from penstock.cli import main
from penstock.cli.options import EXIT_OK, EXIT_SETTINGS
from penstock.settings import DEFAULT_FILE

SIMULATED = str(DEFAULT_FILE.with_name("simulated.yaml"))
TWO_POOLS = "models: {a: {pool: a}}\npools: {a: {engine: simulated}, b: {engine: simulated}}"


def test_a_right_configuration_is_said_to_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", SIMULATED]) == EXIT_OK
    assert "serves sim" in capsys.readouterr().out


def test_a_wrong_configuration_ends_with_its_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "penstock.yaml"
    file.write_text("models: {}\npool: {}")
    assert main(["config", "check", "--config", str(file)]) == EXIT_SETTINGS
    assert capsys.readouterr().err == "penstock: pool: no such setting; did you mean 'pools'?\n"


@pytest.mark.parametrize(("file", "names"), [(SIMULATED, "simulated\n"), (str(DEFAULT_FILE), "vllm\n")])
def test_the_engines_of_a_configuration_are_listed(file: str, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "engines", "--config", file]) == EXIT_OK
    assert capsys.readouterr().out == names


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
