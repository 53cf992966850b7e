"""compose.yaml says what it is meant to: nobody here can run it."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from compose_spec import PyCompose

from penstock.errors import SettingsError
from penstock.settings import Settings, load
from tests.harness.containers import DEPLOY, VARIABLES, compose_text, instruction, required_variables, seconds, services
from tests.harness.processes import ROOT

ROLES = ("ingress", "scheduler", "background", "worker")
#: What a process needs besides its own grace.
GOODBYE_S = 5.0


def environment(service: str = "ingress") -> dict[str, str]:
    found: dict[str, str] = services()[service]["environment"]
    return found


def settings() -> Settings:
    return load(DEPLOY / "penstock.yaml", environment())


def health_url(service: str) -> str:
    kind, program, url = services()[service]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "healthcheck")
    return str(url)


def options_of(redis: dict[str, Any]) -> dict[str, str]:
    _, *words = redis["command"]
    return dict(zip((word.removeprefix("--") for word in words[::2]), words[1::2], strict=True))


def test_it_is_what_compose_understands() -> None:
    # It knows no merge keys (`<<`), which Compose resolves first.
    resolved = yaml.safe_dump(yaml.safe_load(compose_text()))
    assert PyCompose.from_yaml(resolved).service_names() == sorted(["redis", *ROLES])


def test_what_it_cannot_do_without_is_in_the_example() -> None:
    assigned = re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)
    assert required_variables() == set(VARIABLES)
    assert set(assigned) >= required_variables()


def test_one_port_is_published_on_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {"ingress": [f"127.0.0.1:8000:{settings().ingress.port}"]}


def test_redis_keeps_what_it_has_accepted() -> None:
    options = options_of(services()["redis"])
    assert options["appendonly"] == "yes"
    assert options["maxmemory-policy"] == "noeviction"
    assert services()["redis"]["volumes"] == ["redis:/data"]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_waits_for_redis_and_ends_with_its_machine_only(name: str) -> None:
    service = services()[name]
    assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ROLES)
def test_a_role_reads_the_configuration_that_is_mounted(name: str) -> None:
    role, option, file, *_ = services()[name]["command"]
    assert (role, option) == (name, "--config")
    assert f"./penstock.yaml:{file}:ro" in services()[name]["volumes"]


def test_the_model_is_mounted_where_the_configuration_says() -> None:
    (model,) = {pool.model for pool in settings().pools.values()}
    for name in ("ingress", "worker"):
        assert f"{VARIABLES['MODEL_DIR']}:{model}:ro" in services()[name]["volumes"]


def test_who_keeps_files_has_one_place_for_them() -> None:
    place = f"files:{settings().storage.url}"
    assert [name for name, service in services().items() if place in service.get("volumes", ())] == [
        *("ingress", "background"),
    ]
    assert "files" in yaml.safe_load(compose_text())["volumes"]
    assert settings().storage.url in (DEPLOY / "images" / "penstock.Dockerfile").read_text()


def test_it_serves_nobody_without_a_key() -> None:
    without = {name: value for name, value in environment().items() if "KEYS" not in name}
    with pytest.raises(SettingsError, match=r"ingress\.host: 0\.0\.0\.0 can be reached from other machines"):
        load(DEPLOY / "penstock.yaml", without)
    assert [key.sha256 for key in settings().ingress.api_keys] == [VARIABLES["PENSTOCK_KEY_SHA256"]]


def test_each_role_has_the_time_that_its_end_takes() -> None:
    known = settings()
    drains = {
        "ingress": known.ingress.drain_grace_s,
        "scheduler": known.scheduler.leader_ttl_s,
        "background": known.background.lease_ttl_s,
        "worker": max(pool.drain_grace_s for pool in known.pools.values()),
    }
    graces = {name: seconds(services()[name]["stop_grace_period"]) for name in drains}
    assert not [name for name, drain_s in drains.items() if graces[name] < drain_s + GOODBYE_S]


def test_health_is_asked_where_the_configuration_says() -> None:
    known = settings()
    assert {name: (urlsplit(health_url(name)).port, urlsplit(health_url(name)).path) for name in ROLES} == {
        "ingress": (known.ingress.port, "/health"),
        "scheduler": (known.telemetry.scheduler_metrics_port, "/metrics"),
        "background": (known.telemetry.background_metrics_port, "/metrics"),
        "worker": (known.telemetry.worker_metrics_port, "/metrics"),
    }


@pytest.mark.parametrize("name", ROLES)
def test_an_image_asks_for_health_where_its_services_do(name: str) -> None:
    dockerfile = ROOT / services()[name]["build"]["dockerfile"]
    program, *urls = json.loads(instruction(dockerfile, "HEALTHCHECK").partition("CMD ")[2])
    assert program == "healthcheck"
    assert health_url(name) in urls


@pytest.mark.parametrize("name", ROLES)
def test_an_image_is_of_this_version_and_of_no_privilege(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    dockerfile = ROOT / services()[name]["build"]["dockerfile"]
    assert services()[name]["image"].endswith(f":{version}")
    assert f'org.opencontainers.image.version="{version}"' in instruction(dockerfile, "LABEL")
    assert instruction(dockerfile, "USER") == "10001:10001"
    assert services()[name]["cap_drop"] == ["ALL"]


def test_the_worker_has_a_gpu() -> None:
    (device,) = services()["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
