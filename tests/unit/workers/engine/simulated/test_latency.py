from __future__ import annotations

import pytest

from workers.engine.simulated.latency import prefill_s, step_s
from workers.engine.simulated.settings import SimulatedSettings

SETTINGS = SimulatedSettings(
    slots=5, prefill_ms_base=30.0, prefill_us_per_token=250.0, itl_ms=12.0, full_batch_slowdown=2.0
)


def test_a_prompt_costs_a_base_and_its_uncached_tokens() -> None:
    assert prefill_s(SETTINGS, 0) == pytest.approx(0.030)
    assert prefill_s(SETTINGS, 1000) == pytest.approx(0.280)


def test_a_step_slows_down_linearly_up_to_a_full_batch() -> None:
    assert [step_s(SETTINGS, running) for running in (1, 3, 5)] == pytest.approx([0.012, 0.018, 0.024])


def test_a_single_slot_is_no_batch() -> None:
    assert step_s(SimulatedSettings(slots=1, itl_ms=12.0), 1) == pytest.approx(0.012)


def test_a_slow_engine_is_slower_in_everything() -> None:
    slow = SimulatedSettings(prefill_ms_base=30.0, itl_ms=12.0, slow_factor=3.0)
    assert prefill_s(slow, 0) == pytest.approx(0.090)
    assert step_s(slow, 1) == pytest.approx(0.036)
