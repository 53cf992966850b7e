"""What a loss means."""

from __future__ import annotations

import pytest

from scheduler.policy.losses import (
    SILENT_WHY,
    SUPERSEDED_WHY,
    Charge,
    LossReason,
    charge,
    dead_letter_message,
    loss_reason,
)


@pytest.mark.parametrize(
    ("is_recorded", "why", "reason"),
    [
        (True, SILENT_WHY, LossReason.SILENT),
        (True, "killed by signal 9", LossReason.DIED),
        (True, SUPERSEDED_WHY, LossReason.SUPERSEDED),
        (False, "", LossReason.FORGOTTEN),
    ],
)
def test_the_record_says_how_a_worker_was_lost(*, is_recorded: bool, why: str, reason: LossReason) -> None:
    assert loss_reason(is_recorded=is_recorded, why=why) is reason


def test_only_a_death_or_a_silence_speaks_against_the_jobs() -> None:
    counted = {reason for reason in LossReason if charge(reason, "a", frozenset()) is Charge.COUNTED}
    assert counted == {LossReason.SILENT, LossReason.DIED}


@pytest.mark.parametrize("reason", [LossReason.SILENT, LossReason.DIED])
def test_what_was_being_looked_at_is_charged_and_its_neighbours_are_spared(reason: LossReason) -> None:
    assert charge(reason, "a", {"a", "b"}) is Charge.COUNTED
    assert charge(reason, "c", {"a", "b"}) is Charge.SPARED


def test_nobody_is_charged_with_what_no_job_can_have_done() -> None:
    assert charge(LossReason.FORGOTTEN, "a", {"a"}) is Charge.UNCOUNTED


def test_the_client_is_told_how_often_it_was_tried() -> None:
    assert "after 3 of its workers" in dead_letter_message(3)
