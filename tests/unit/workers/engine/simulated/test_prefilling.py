from __future__ import annotations

from penstock.request import Sampling
from workers.engine.base import Finish, Generation
from workers.engine.simulated import SimulatedSettings
from workers.engine.simulated.prefilling import Prefilling
from workers.engine.simulated.run import SimulatedRun
from workers.engine.simulated.script import SimulatedScript

SETTINGS = SimulatedSettings(prefill_ms_base=100.0, prefill_us_per_token=0.0)


def filled(*names: str) -> tuple[Prefilling, list[SimulatedRun]]:
    """Prompts that came at 10 s, each taking a tenth of a second."""
    prefilling = Prefilling(SETTINGS)
    script = SimulatedScript([1], Finish.LENGTH)
    runs = [SimulatedRun.of(Generation(id=name, prompt=[1], sampling=Sampling()), script, None) for name in names]
    for run in runs:
        prefilling.add(run, 1, 10.0)
    return prefilling, runs


def times(runs: list[SimulatedRun]) -> list[float]:
    return [round(run.ready_at_s, 6) for run in runs]


def test_prompts_are_processed_one_after_the_other() -> None:
    prefilling, runs = filled("a", "b", "c")
    assert times(runs) == [10.1, 10.2, 10.3]
    assert prefilling.take_ready(10.25) == runs[:2]
    assert prefilling.next_ready_s == runs[2].ready_at_s


def test_who_waits_behind_a_cancelled_prompt_moves_up() -> None:
    prefilling, (_, _, c, d) = filled("a", "b", "c", "d")
    prefilling.drop("b")
    prefilling.close_up(10.05)
    assert times([c, d]) == [10.2, 10.3]


def test_a_prompt_cancelled_half_way_frees_the_rest_of_its_time() -> None:
    prefilling, (_, b, c) = filled("a", "b", "c")
    prefilling.drop("a")
    prefilling.close_up(10.04)
    assert times([b, c]) == [10.14, 10.24]


def test_what_is_under_way_does_not_begin_anew() -> None:
    prefilling, (a, b, _) = filled("a", "b", "c")
    prefilling.drop("c")
    prefilling.close_up(10.05)
    assert times([a, b]) == [10.1, 10.2]


def test_after_all_are_cancelled_the_next_begins_at_once() -> None:
    prefilling, runs = filled(*map(str, range(2000)))
    for run in runs:
        prefilling.drop(run.id)
    prefilling.close_up(10.05)
    prefilling.add(runs[0], 1, 10.05)
    assert times(runs[:1]) == [10.15]
