from __future__ import annotations

import pytest

from ingress.intake.pool_rates import PoolRates
from penstock.broker.records import WorkerStatus
from penstock.engine_stats import EngineStats
from penstock.worker_state import WorkerState


def worker(instance: str, tokens: int, ended: int = 0) -> WorkerStatus:
    return WorkerStatus(
        name=instance,
        state=WorkerState.READY,
        failures=0,
        why="",
        instance=instance,
        ended=ended,
        stats=EngineStats(generated_tokens=tokens),
    )


def test_a_steady_rate_is_found_within_seconds() -> None:
    rates = PoolRates()
    for second in range(30):
        rates.look(second, [worker("a.1", 100 * second, 2 * second), worker("b.1", 50 * second, second)])
    assert rates.pool.tokens_per_s == pytest.approx(150, rel=0.01)
    assert rates.pool.jobs_per_s == pytest.approx(3, rel=0.01)
    assert rates.workers["a.1"].tokens_per_s == pytest.approx(100, rel=0.01)


def test_what_was_counted_before_the_first_look_is_no_rate() -> None:
    rates = PoolRates()
    rates.look(0, [worker("a.1", 1_000_000)])
    rates.look(1, [worker("a.1", 1_000_000)])
    assert rates.pool.tokens_per_s == 0


def test_an_engine_that_begins_anew_is_not_slower_than_nothing() -> None:
    rates = PoolRates()
    for second, tokens in enumerate((0, 1000, 0, 10)):
        rates.look(second, [worker("a.1", tokens)])
        assert rates.pool.tokens_per_s >= 0


def test_a_worker_that_is_gone_counts_no_more() -> None:
    rates = PoolRates()
    rates.look(0, [worker("a.1", 0)])
    rates.look(1, [worker("a.1", 100)])
    rates.look(2, [worker("a.2", 500)])
    assert rates.pool.tokens_per_s == 0


def test_a_rate_fades_once_nothing_is_done() -> None:
    rates = PoolRates()
    for second in range(10):
        rates.look(second, [worker("a.1", 100 * second)])
    for second in range(10, 60):
        rates.look(second, [worker("a.1", 900)])
    assert rates.pool.rounded().tokens_per_s == 0


def test_what_a_pool_can_do_is_known_once_jobs_have_waited_for_a_while() -> None:
    rates = PoolRates()
    for second in range(20):
        rates.look(second, [worker("a.1", 0, 3 * second)], waiting_jobs=1)
        assert rates.full_jobs_per_s == 0
    rates.look(20, [worker("a.1", 0, 60)], waiting_jobs=1)
    assert rates.full_jobs_per_s == pytest.approx(3, rel=0.05)


def test_a_pool_with_too_little_to_do_tells_nothing_of_what_it_can() -> None:
    rates = PoolRates()
    for second in range(60):
        rates.look(second, [worker("a.1", 0, second)], waiting_jobs=int(second != 30))
    assert rates.full_jobs_per_s == pytest.approx(1, rel=0.05)
    rates.look(60, [worker("a.1", 0, 60)])
    assert rates.full_jobs_per_s == 0


def test_a_pool_that_stands_still_for_a_moment_can_do_what_it_did() -> None:
    rates = PoolRates()
    for second in range(40):
        rates.look(second, [worker("a.1", 0, 2 * min(second, 30))], waiting_jobs=1)
    assert rates.full_jobs_per_s == pytest.approx(2, rel=0.05)
    assert rates.pool.jobs_per_s < 0.5
