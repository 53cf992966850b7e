from __future__ import annotations

from penstock.cli.child import FIRST_PAUSE_S, LONGEST_PAUSE_S, SETTLED_S, next_pause_s


def test_the_first_restart_comes_at_once() -> None:
    assert next_pause_s(0.0, lived_s=0.0) == FIRST_PAUSE_S


def test_pauses_double_while_starts_fail_and_stop_growing() -> None:
    pauses = [0.0]
    for _ in range(20):
        pauses.append(next_pause_s(pauses[-1], lived_s=0.5))
    assert pauses[2] == pauses[1] * 2
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_program_that_had_settled_starts_again_quickly() -> None:
    assert next_pause_s(LONGEST_PAUSE_S, lived_s=SETTLED_S) == FIRST_PAUSE_S
