from __future__ import annotations

import pytest

from penstock.settings import EngineName, ModelSettings, PoolSettings, Settings
from penstock.settings.overlooked import overlooked

SETTINGS = Settings(models={"sim": ModelSettings(pool="sim")}, pools={"sim": PoolSettings(engine=EngineName.SIMULATED)})


def told(**environ: str) -> list[str]:
    return [sentence for _, sentence in overlooked(environ.items(), SETTINGS, {"PENSTOCK_URL"})]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PENSTOCK_INGRESS_PORT", "PENSTOCK__INGRESS__PORT"),
        ("PENSTOCK_INGRESS__PORT", "PENSTOCK__INGRESS__PORT"),
        ("penstock__ingress__port", "PENSTOCK__INGRESS__PORT"),
        ("PENSTOCK_REDIS_URL", "PENSTOCK__REDIS__URL"),
        ("PENSTOCK_INGRES_PROT", "PENSTOCK__INGRESS__PORT"),
        ("PENSTOCK_POOLS_SIM_WORKERS", "PENSTOCK__POOLS__SIM__WORKERS"),
        ("PENSTOCK_LOG_FORMAT", "PENSTOCK__TELEMETRY__LOG_FORMAT"),
    ],
)
def test_a_variable_that_does_nothing_is_told_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert told(**{name: "1"}) == [f"{name} in the environment is no setting and does nothing; did you mean {meant}?"]


def test_what_is_like_no_setting_is_told_how_they_begin() -> None:
    assert told(PENSTOCK_XYZZY="1")[0].endswith("; settings begin with PENSTOCK__.")


@pytest.mark.parametrize(
    "environ",
    [
        {"PENSTOCK_URL": "http://127.0.0.1:8000"},
        {"PENSTOCK__INGRESS__PORT": "1"},
        {"HOME": "/"},
        # Of a service `penstock` in Kubernetes.
        {"PENSTOCK_PORT": "tcp://10.0.0.1:8000"},
        {"PENSTOCK_SERVICE_HOST": "10.0.0.1"},
        {"PENSTOCK_SERVICE_PORT_HTTP": "8000"},
        {"PENSTOCK_INGRESS_PORT_8000_TCP_ADDR": "10.0.0.1"},
    ],
)
def test_what_has_another_use_is_not_told(environ: dict[str, str]) -> None:
    assert told(**environ) == []
