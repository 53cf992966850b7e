"""When results of a batch leave Redis, and how many of their records are read at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from background.batches import results
from background.batches.results import Results, pages
from penstock.batches.line import Place
from penstock.settings.sections import BatchSettings

if TYPE_CHECKING:
    from background.batches.work import Work

HOUR_S = 3600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(results, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


@pytest.mark.parametrize(("ran_s", "wait_s"), [(0.0, 5.0), (HOUR_S, 18.0), (24 * HOUR_S, 432.0)])
def test_a_slow_batch_waits_longer_the_longer_it_runs(clock: SimpleNamespace, ran_s: float, wait_s: float) -> None:
    """A part each five seconds would be seventeen thousand of them in a day, each in the record of the file."""
    work: Any = SimpleNamespace(settings=SimpleNamespace(batches=BatchSettings(part_s=5.0)))
    found = Results(cast("Work", work))

    def are_due() -> bool:
        return found.are_due(waiting=1, open_jobs=64, window=64, ran_s=ran_s)

    assert not are_due()
    clock.now_s += wait_s - 1
    assert not are_due()
    clock.now_s += 1
    assert are_due()


def test_records_of_large_requests_are_read_a_few_at_a_time() -> None:
    sizes = {"a": 3 << 20, "b": 2 << 20, "c": 1, "d": 5 << 20, "e": 1}
    places = {job: Place(job, 0, size) for job, size in sizes.items()}
    assert list(pages(places)) == [["a"], ["b", "c"], ["d"], ["e"]]
    assert [len(page) for page in pages({str(n): Place("", 0, 100) for n in range(120)})] == [50, 50, 20]
    assert list(pages({})) == []
