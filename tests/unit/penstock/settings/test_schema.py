from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from penstock.errors import SettingsError
from penstock.settings import DEFAULT_FILE, load
from penstock.settings.schema import json_schema
from scripts.describe_settings import PAGE, SCHEMA
from workers.engine.registry import option_types, recipe

EXAMPLES = sorted(DEFAULT_FILE.parent.glob("*.yaml"))
MODELS = "models: {sim: {pool: sim}}\n"
SIM = MODELS + "pools: {sim: {engine: simulated}}\n"
VALIDATOR = Draft202012Validator(json_schema(option_types()))


def complaints(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def refused_by_load(file: Path, text: str) -> bool:
    file.write_text(text)
    try:
        settings = load(file, {})
        for name, pool in settings.pools.items():
            recipe(name, pool)
    except SettingsError:
        return True
    return False


def test_the_schema_is_of_the_draft_that_it_names() -> None:
    schema = json_schema(option_types())
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name)
def test_every_example_names_the_schema_and_follows_it(example: Path) -> None:
    first, _, _ = example.read_text().partition("\n")
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"
    assert complaints(example.read_text()) == []


def test_what_the_page_shows_follows_the_schema() -> None:
    whole, *fragments = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert complaints(whole) == []
    for fragment in fragments:
        assert complaints(whole + fragment) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "redis: {url: 'rediss://:secret@cache:6380/1', maxmemory_mb: 64, appendfsync: always}",
        "ingress: {port: 9000, ping_s: 3, cors_origins: ['https://a.example'], processes: 2}",
        "telemetry: {log_level: debug, scheduler_metrics_port: 0}",
        "streams: {token_ttl_s: 60, signing_key: 0123456789abcdef0123456789abcdef-}",
    ],
)
def test_what_load_takes_the_schema_takes(tmp_path: Path, text: str) -> None:
    assert complaints(SIM + text) == []
    assert not refused_by_load(tmp_path / "penstock.yaml", SIM + text)


@pytest.mark.parametrize(
    "text",
    [
        "models: {}",
        MODELS + "pools: {sim: {}}",
        MODELS + "pools: {sim: {engine: vlm}}",
        MODELS + "pools: {sim: {engine: simulated, workers: 0}}",
        MODELS + "pools: {sim: {engine: simulated, heartbeat_s: 0}}",
        MODELS + "pools: {sim: {engine: simulated, warmup: 1}}",
        MODELS + "pools: {sim: {engine: simulated, model: ''}}",
        MODELS + "pools: {sim: {engine: simulated, modle: x}}",
        MODELS + "pools: {sim: {engine: simulated, options: {itl: 3}}}",
        MODELS + "pools: {sim: {engine: simulated, options: {itl_ms: fast}}}",
        MODELS + "pools: {sim: {engine: simulated, options: {failure: {kind: crash}}}}",
        MODELS + "pools: {sim: {engine: simulated, options: {dtype: float32}}}",
        MODELS + "pools: {sim: {engine: vllm, model: x, options: {itl_ms: 3}}}",
        MODELS + "pools: {Sim: {engine: simulated}}",
        "models: {sim: {pool: a-b}}\npools: {sim: {engine: simulated}}",
        "models: {'': {pool: sim}}\npools: {sim: {engine: simulated}}",
        SIM + "ingres: {}",
        SIM + "ingress: 8000",
        SIM + "ingress: {prot: 1}",
        SIM + "ingress: {port: 70000}",
        SIM + "ingress: {port: '8000'}",
        SIM + "ingress: {cors_origins: a}",
        SIM + "ingress: {api_keys: {}}",
        SIM + "ingress: {api_keys: [{name: a, tenant: b}]}",
        SIM + "ingress: {api_keys: [{name: a, tenant: b, sha256: plain}]}",
        SIM + "redis: {url: ''}",
        SIM + "redis: {maxmemory_mb: -1}",
        SIM + "redis: {appendfsync: never}",
        SIM + "telemetry: {log_format: xml}",
        SIM + "streams: {signing_key: short}",
    ],
)
def test_what_load_refuses_for_itself_the_schema_refuses(tmp_path: Path, text: str) -> None:
    assert refused_by_load(tmp_path / "penstock.yaml", text)
    assert complaints(text)


def test_every_setting_is_described_with_what_it_takes_and_its_default() -> None:
    port: dict[str, Any] = json_schema()["$defs"]["IngressSettings"]["properties"]["port"]
    assert port == {
        "description": "The port to listen on. Takes a port from 1 to 65535.",
        "default": 8000,
        "type": "integer",
        "minimum": 1,
        "maximum": 65535,
    }


def test_without_their_types_an_engines_options_are_free() -> None:
    free = Draft202012Validator(json_schema())
    assert free.is_valid(yaml.safe_load(MODELS + "pools: {sim: {engine: simulated, options: {anything: 1}}}"))
