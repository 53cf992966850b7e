from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from workers.engine.vllm.runner_limits import RunnerLimits

if importlib.util.find_spec("vllm") is None:
    pytest.skip("the light installation has no vLLM", allow_module_level=True)


def limits_of(*, use_v2_model_runner: bool) -> RunnerLimits | None:
    config: Any = SimpleNamespace(use_v2_model_runner=use_v2_model_runner)
    return RunnerLimits.of(config)


def test_the_limits_are_those_of_the_runner_for_gpus() -> None:
    limits = limits_of(use_v2_model_runner=True)
    assert limits is not None
    assert min(limits.allowed_tokens, limits.stop_tokens, limits.biased_tokens, limits.bad_word_tokens) > 0


def test_the_other_runner_has_none() -> None:
    assert limits_of(use_v2_model_runner=False) is None
