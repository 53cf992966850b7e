from __future__ import annotations

import pytest

from penstock.settings import EngineName, PoolSettings
from penstock.settings.shared import SharedSettings


def shared(**changes: object) -> SharedSettings:
    return SharedSettings.of(PoolSettings(engine=EngineName.VLLM, **changes))


def test_what_each_host_may_choose_is_no_difference() -> None:
    assert shared(workers=3, slots=5, options={"dtype": "bfloat16"}).difference(shared().encoded) == ""


def test_before_anybody_has_led_there_is_nothing_to_differ_from() -> None:
    assert shared().difference("") == ""


def test_every_setting_that_differs_is_named_with_both_values() -> None:
    ours = shared(run_timeout_s=60.0, options={"tool_parser": "hermes"})

    assert ours.difference(shared(run_timeout_s=30.0, max_losses=5).encoded) == (
        "max_losses is 3, its leader has 5; "
        "options.tool_parser is 'hermes', its leader has None; "
        "run_timeout_s is 60.0, its leader has 30.0"
    )


def test_a_leader_of_another_version_may_know_other_settings() -> None:
    assert "color is None, its leader has 'red'" in shared().difference('{"color":"red"}')


@pytest.mark.parametrize("leaders", ["nonsense", "[]"])
def test_what_cannot_be_read_is_a_difference(leaders: str) -> None:
    assert shared().difference(leaders) == "its leader's cannot be read"
