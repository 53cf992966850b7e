from __future__ import annotations

import pytest

from workers.engine.simulated import InjectedFailure, InjectedFailureKind
from workers.engine.simulated.injection import requested_failure


@pytest.mark.parametrize("kind", InjectedFailureKind)
def test_a_prompt_asks_for_a_failure(kind: InjectedFailureKind) -> None:
    assert requested_failure(f"user:#sim:{kind}_at=12 hello\nassistant:") == InjectedFailure(kind=kind, at_token=12)


@pytest.mark.parametrize("prompt", ["user:hello\nassistant:", "#sim:crash_at=0", "#sim:explode_at=3", "sim:crash_at=3"])
def test_other_prompts_ask_for_none(prompt: str) -> None:
    assert requested_failure(prompt) is None


def test_an_earlier_turn_has_had_its_failure() -> None:
    assert requested_failure("user:#sim:crash_at=12\nassistant: bado\nuser:again\nassistant:") is None


def test_a_prompt_without_turns_may_ask_too() -> None:
    assert requested_failure("#sim:die_at=1 hello") == InjectedFailure(kind=InjectedFailureKind.DIE, at_token=1)
