from __future__ import annotations

import pytest

from penstock.errors import SettingsError
from workers.engine.simulated import InjectedFailure, InjectedFailureKind, SimulatedSettings


def test_options_become_settings() -> None:
    settings = SimulatedSettings.parse({"slots": 8, "itl_ms": 20, "failure": {"kind": "crash", "at_token": 3}})
    assert (settings.slots, settings.itl_ms) == (8, 20.0)
    assert settings.failure == InjectedFailure(kind=InjectedFailureKind.CRASH, at_token=3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"slot": 8}, "slot"),
        ({"slots": 0}, "slots"),
        ({"itl_ms": -1}, "itl_ms"),
        ({"failure": {"kind": "explode", "at_token": 3}}, "failure.kind"),
        ({"failure": {"kind": "crash", "at_token": 0}}, "failure.at_token"),
        ({"kv_blocks": 10}, "kv_blocks"),
        ({"natural_min_tokens": 500}, "natural_min_tokens"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        SimulatedSettings.parse(options)
