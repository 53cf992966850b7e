"""A pool's engine options: what is wrong is named, with its pool, before anything is started."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from penstock.errors import SettingsError
from penstock.settings import EngineName, PoolSettings
from penstock.settings.builtin import FOLDER as BUILTIN
from workers.engine.registry import recipe

MODEL = BUILTIN / "demo"

MISTAKES: list[tuple[EngineName, dict[str, Any], str]] = [
    (EngineName.SIMULATED, {"itl_mss": 3}, "itl_mss: no such option; did you mean 'itl_ms'?"),
    (EngineName.SIMULATED, {"itl_ms": "fast"}, "itl_ms: expected `float`, got `str`."),
    (EngineName.SIMULATED, {"failure": {"kind": "crash"}}, "failure: object missing required field `at_token`."),
    (EngineName.SIMULATED, {"kv_blocks": 1}, "kv_blocks times block_size is 16 tokens, too few"),
    (EngineName.VLLM, {"dtyp": "float32"}, "dtyp: no such option; did you mean 'dtype'?"),
    (EngineName.VLLM, {"block_size": 0}, "block_size: expected `int` >= 1."),
    (EngineName.VLLM, {"engine_args": []}, "engine_args: expected `object`, got `array`."),
    (EngineName.VLLM, {"tool_parser": 3}, "tool_parser: expected `str | null`, got `int`."),
]


def pool_of(engine: EngineName, options: dict[str, Any]) -> PoolSettings:
    return PoolSettings(engine=engine, model=MODEL, options=options)


@pytest.mark.parametrize(("engine", "options", "sentence"), MISTAKES)
def test_an_option_that_is_wrong_is_named(engine: EngineName, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        recipe("demo", pool_of(engine, options))
    assert str(caught.value).startswith(f"pools.demo.options: {sentence}")


@pytest.mark.parametrize("engine", EngineName)
def test_options_that_are_right_make_a_recipe(engine: EngineName) -> None:
    recipe("demo", pool_of(engine, {"max_model_len": 128}))


def test_vllm_that_is_not_installed_is_named_where_it_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    found = recipe("demo", pool_of(EngineName.VLLM, {}))
    found.inspect()
    for step in (found.require_installed, found.preload):
        with pytest.raises(SettingsError, match=r"^pools\.demo\.engine: vLLM is not installed here; install it \(Pen"):
            step()
