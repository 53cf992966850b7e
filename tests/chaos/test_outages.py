"""How soon a pool serves again, as the ends of its requests tell."""

from __future__ import annotations

import math

import pytest

from tests.chaos.outages import Outage, recoveries

OUTAGE = Outage(["sim"], 10.0, 13.0, is_failover=True)


@pytest.mark.parametrize(
    ("served_s", "took_s"),
    [([9.0, 12.0, 13.5, 14.0], 0.5), ([9.0, 12.0], math.inf), ([], math.inf)],
    ids=["soon", "never again", "never"],
)
def test_a_pool_has_recovered_when_a_request_is_served_after_the_promotion(
    served_s: list[float], took_s: float
) -> None:
    assert recoveries([OUTAGE], {"sim": served_s, "side": [13.1]}) == [(OUTAGE, "sim", took_s)]


def test_a_neighbour_s_gap_is_the_longest_time_in_an_outage_that_it_served_nobody() -> None:
    assert OUTAGE.gap_s([9.0, 10.5, 12.75, 15.0]) == 2.25
    assert OUTAGE.gap_s([]) == 3.0
