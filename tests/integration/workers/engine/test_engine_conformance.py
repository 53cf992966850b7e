from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from penstock.settings.builtin import FOLDER as BUILTIN
from tests.integration.workers.engine.engine_conformance import EngineConformance, disposable, served
from workers.engine.simulated import SimulatedEngine, SimulatedSettings

if TYPE_CHECKING:
    from workers.engine.base import Engine

__all__ = ["disposable", "served"]

DEMO_MODEL = BUILTIN / "demo"


class TestSimulatedEngine(EngineConformance):
    @staticmethod
    def create_engine() -> Engine:
        settings = SimulatedSettings(slots=4, max_model_len=512, prefill_ms_base=0.5, itl_ms=1.0)
        return SimulatedEngine(settings)


class TestSimulatedEngineWithoutLatency(EngineConformance):
    @staticmethod
    def create_engine() -> Engine:
        settings = SimulatedSettings(
            slots=4, max_model_len=512, prefill_ms_base=0.0, prefill_us_per_token=0.0, itl_ms=0.0
        )
        return SimulatedEngine(settings)


@pytest.mark.filterwarnings("ignore")  # those of torch and vLLM, none of ours
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="vLLM is not installed")
class TestVllmEngine(EngineConformance):
    @staticmethod
    def create_engine() -> Engine:
        from workers.engine.vllm import VllmEngine, VllmSettings

        return VllmEngine(VllmSettings(model=str(DEMO_MODEL), slots=4, max_model_len=512, block_size=32))
