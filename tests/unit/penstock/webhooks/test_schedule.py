"""When what failed is tried again."""

from __future__ import annotations

import itertools

import pytest

from penstock.settings import WebhookSettings
from penstock.webhooks.schedule import JITTER, pause_s

SCHEDULE = WebhookSettings().retry_s
HOUR_S = 3600


def attempts_at_s(chance: float) -> list[float]:
    """When each attempt is made, from the first on, where all fail."""
    pauses = itertools.takewhile(
        lambda one: one is not None, (pause_s(n, SCHEDULE, chance) for n in itertools.count(1))
    )
    return list(itertools.accumulate((one or 0 for one in pauses), initial=0.0))


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_the_schedule_is_that_of_standard_webhooks_and_a_little_more(chance: float) -> None:
    times_s = attempts_at_s(chance)
    pauses_s = [after - before for before, after in itertools.pairwise(times_s)]
    planned_s = [5, 300, 1800, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 14 * HOUR_S, 20 * HOUR_S, 24 * HOUR_S]
    assert pauses_s == pytest.approx([one * (1 + JITTER * chance) for one in planned_s])


def test_a_receiver_that_is_down_for_an_hour_is_told_after_it() -> None:
    times_s = attempts_at_s(0.5)
    assert sum(at_s < HOUR_S for at_s in times_s) == 4
    assert next(at_s for at_s in times_s if at_s >= HOUR_S) < 3 * HOUR_S


def test_after_the_last_there_is_none() -> None:
    assert pause_s(len(SCHEDULE), SCHEDULE, 0.0) == 24 * HOUR_S
    assert pause_s(len(SCHEDULE) + 1, SCHEDULE, 0.0) is None


def test_what_a_receiver_asks_for_counts_within_reason() -> None:
    assert pause_s(1, SCHEDULE, 0.0, asked_s=60) == 60
    assert pause_s(1, SCHEDULE, 0.0, asked_s=1) == 5
    assert pause_s(1, SCHEDULE, 0.0, asked_s=10**9) == 24 * HOUR_S
