"""What only vLLM knows to be wrong with a pool's options is found before an engine is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.cli.options import EXIT_OK, EXIT_SETTINGS
from penstock.errors import SettingsError
from penstock.settings.builtin import FOLDER as BUILTIN
from tests.harness.processes import ROOT, free_port
from workers.engine.vllm import environment
from workers.engine.vllm.settings import VllmSettings

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"tool_parser": "hermess"}, "tool_parser: vLLM has no 'hermess'; did you mean 'hermes'?"),
    ({"reasoning_parser": "deepseek"}, "reasoning_parser: vLLM has no 'deepseek'"),
    (
        {"engine_args": {"gpu_memory_utilisation": 0.5}},
        "engine_args.gpu_memory_utilisation: vLLM has no such argument; did you mean 'gpu_memory_utilization'?",
    ),
    ({"dtype": "floot32"}, "vLLM refuses them: dtype"),
    ({"max_model_len": 1_000_000_000}, "vLLM refuses them: Value error, User-specified max_model_len"),
    ({"engine_args": {"quantization": "none at all"}}, "Unknown quantization method"),
]


@pytest.mark.parametrize(("options", "sentence"), MISTAKES)
def test_an_option_that_vllm_does_not_take_is_named(options: dict[str, Any], sentence: str) -> None:
    environment.prepare(is_compiled=False)
    from workers.engine.vllm.options import check_values

    with pytest.raises(SettingsError) as caught:
        check_values(VllmSettings(model=str(BUILTIN / "demo"), **options))
    assert sentence in str(caught.value)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The demo model with a parser that is misspelt."""
    pool = {"engine": "vllm", "model": str(BUILTIN / "demo"), "options": {"tool_parser": "hermess"}}
    redis = {"data_dir": str(tmp_path / "data")}
    file = tmp_path / "penstock.yaml"
    file.write_text(yaml.safe_dump({"models": {"demo": {"pool": "demo"}}, "pools": {"demo": pool}, "redis": redis}))
    return file


@pytest.mark.parametrize("command", [["config", "check"], ["worker"], ["up"]])
def test_a_misspelt_parser_ends_the_command_with_a_sentence(config: Path, command: list[str]) -> None:
    words = [sys.executable, "-m", "penstock.cli", *command, "--config", str(config)]
    environ = {"PENSTOCK__INGRESS__PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
    said = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=200)
    assert said.returncode == EXIT_SETTINGS
    assert "penstock: pools.demo.options: tool_parser: vLLM has no 'hermess'; did you mean 'hermes'?" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_demo_is_right() -> None:
    words = [sys.executable, "-m", "penstock.cli", "config", "check"]
    said = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)
    assert (said.returncode, said.stderr) == (EXIT_OK, "")


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({}, 512),
        ({"slots": 600}, 600),
        ({"engine_args": {"max_num_batched_tokens": 4096}}, 4096),
        # Whose prompts are computed in one piece has to have room for the longest.
        ({"max_model_len": 1024, "engine_args": {"enable_chunked_prefill": False}}, 1024),
    ],
)
def test_a_step_on_a_cpu_is_short(options: dict[str, Any], tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.prepare(is_compiled=False)
    # Both are written, and are to be as before afterwards.
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    from workers.engine.vllm.config import engine_config

    config = engine_config(VllmSettings(model=str(BUILTIN / "demo"), **options))
    assert config.scheduler_config.max_num_batched_tokens == tokens
