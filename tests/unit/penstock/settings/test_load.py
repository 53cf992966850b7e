from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import SettingsError
from penstock.settings import DEFAULT_FILE, EngineName, Settings, load, require_models

SIM = "models: {sim: {pool: sim}}\npools: {sim: {engine: simulated}}\n"
KEY = {"name": "laptop", "tenant": "acme", "sha256": "0" * 64}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "penstock.yaml"


def loaded(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text)
    return load(file, environ)


def test_the_default_file_serves_the_demo_model_on_vllm() -> None:
    settings = load(None, {})
    assert DEFAULT_FILE.name == "demo.yaml"
    assert settings.pool_of("demo") == "demo"
    assert settings.pools["demo"].engine is EngineName.VLLM
    assert settings.pools["demo"].options["dtype"] == "float32"
    require_models(settings, settings.pools)


def test_the_simulated_example_needs_no_model() -> None:
    settings = load(DEFAULT_FILE.with_name("simulated.yaml"), {})
    assert [pool.engine for pool in settings.pools.values()] == [EngineName.SIMULATED]
    require_models(settings, settings.pools)


def test_an_unknown_model_has_no_pool(file: Path) -> None:
    assert loaded(file, SIM).pool_of("gpt") is None


def test_the_environment_overrides_the_file(file: Path) -> None:
    settings = loaded(
        file,
        SIM + "ingress: {port: 9000}",
        PENSTOCK__INGRESS__PORT="9001",
        PENSTOCK__INGRESS__CORS_ORIGINS="[https://a.example, https://b.example]",
        PENSTOCK__POOLS__SIM__OPTIONS__ITL_MS="3",
        PENSTOCK__TELEMETRY__LOG_FORMAT="console",
        HOME="/unrelated",
    )
    assert settings.ingress.port == 9001
    assert settings.ingress.cors_origins == ("https://a.example", "https://b.example")
    assert settings.pools["sim"].options == {"itl_ms": 3}
    assert settings.telemetry.log_format == "console"


def test_a_model_folder_is_relative_to_the_file_that_names_it(file: Path) -> None:
    settings = loaded(file, "models: {m: {pool: p}}\npools: {p: {engine: vllm, model: ../m}}")
    assert settings.pools["p"].model == file.parent.parent / "m"


def test_a_missing_model_folder_is_named(file: Path) -> None:
    settings = loaded(file, "models: {m: {pool: p}}\npools: {p: {engine: vllm, model: gone}}")
    with pytest.raises(SettingsError, match=r"pools\.p\.model: no model in .*/gone .* give the folder of a model"):
        require_models(settings, settings.pools)


def test_the_data_folder_is_relative_to_where_the_program_runs(file: Path) -> None:
    assert loaded(file, SIM).redis.data_dir == Path("data").absolute()


def test_the_embedded_server_is_reached_by_its_socket(file: Path) -> None:
    redis = loaded(file, SIM + "redis: {data_dir: /srv/penstock}").redis
    assert redis.is_embedded
    assert redis.address == "unix:///srv/penstock/redis.sock"


def test_a_given_redis_is_reached_by_its_url(file: Path) -> None:
    redis = loaded(file, SIM + "redis: {url: 'rediss://:secret@cache:6380/1'}").redis
    assert not redis.is_embedded
    assert redis.address == "rediss://:secret@cache:6380/1"


def test_any_host_may_be_bound_once_there_are_keys(file: Path) -> None:
    settings = loaded(file, SIM, PENSTOCK__INGRESS__HOST="0.0.0.0", PENSTOCK__INGRESS__API_KEYS=f"[{KEY}]")
    assert settings.ingress.api_keys[0].tenant == "acme"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ingres: {port: 1}", "ingres: no such setting; did you mean 'ingress'?"),
        ("ingress: {prot: 1}", "ingress.prot: no such setting; did you mean 'port'?"),
        ("ingress: {zzz: 1}", "ingress.zzz: no such setting."),
        ("ingress: {port: 70000}", "ingress.port: expected a port from 1 to 65535, got 70000; mend it in the file or"),
        ("ingress: {port: many}", "ingress.port: expected a port from 1 to 65535, got 'many'"),
        ("ingress: 8000", "ingress: expected settings inside (`key: value` lines), got 8000."),
        ("ingress: {api_keys: {}}", "ingress.api_keys: expected a list, got {}."),
        ("ingress: {api_keys: [{name: a, tenant: b, sha256: plain}]}", "ingress.api_keys[0].sha256: expected 64 hex"),
        ("ingress: {api_keys: [{name: a, tenant: b}]}", "ingress.api_keys[0].sha256: missing; give 64 hexadecimal"),
        ("ingress: {host: 0.0.0.0}", "ingress.host: 0.0.0.0 can be reached from other machines and ingress"),
        ("tokenizer: {host: '::'}", "tokenizer.host: :: can be reached from other"),
        ("redis: {url: 'http://cache'}", "redis.url: cannot use the scheme 'http'; give 'embedded', or"),
        ("redis: {data_dir: ''}", "redis.data_dir: expected a path, got ''"),
        ("redis: {appendfsync: never}", "redis.appendfsync: expected one of everysec, always, got 'never'"),
        ("scheduler: {tick_s: 1}", "scheduler.tick_s: must be at most half of scheduler.leader_ttl_s"),
        ("telemetry: {log_level: loud}", "telemetry.log_level: expected one of debug, info, warning, error"),
    ],
)
def test_a_wrong_setting_is_named_and_how_to_mend_it(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(file, SIM + text)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected `key: value` lines at the top"),
        ("models: [", "is not valid YAML"),
        ("models: {}\npools: {}", "models: none is served; name at least one"),
        ("models: {m: {pool: p}}", "pools: missing; give settings inside"),
        ("models: {m: {pool: sym}}\npools: {sim: {engine: simulated}}", "no pool 'sym' (pools: sim); did you mean"),
        ("models: {m: {pool: p}}\npools: {p: {}}", "pools.p.engine: missing; give one of vllm, simulated."),
        ("models: {m: {pool: p}}\npools: {p: {engine: vlm}}", "pools.p.engine: expected one of vllm, sim"),
        ("models: {m: {pool: p}}\npools: {p: {engine: vllm}}", "pools.p.model: the vllm engine needs one"),
        ("models: {m: {pool: a-b}}\npools: {a-b: {engine: simulated}}", "expected lower-case letters, digits, dots"),
        ("models: {m: {pool: p}}\npools: {p: {engine: simulated, heartbeat_s: 3}}", "must be at most half of pools.p"),
        ("models: {m: {pool: p}}\npools: {p: {engine: simulated, worker_stall_s: 1}}", "must be at least 2"),
    ],
)
def test_a_wrong_file_is_refused_with_a_reason(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(file, text)
    assert sentence in str(caught.value)


def test_every_broken_rule_is_said_at_once(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"(?s)redis\.url.*scheduler\.tick_s"):
        loaded(file, SIM + "redis: {url: 'http://cache'}\nscheduler: {tick_s: 9}")


def test_a_password_is_not_repeated_in_an_error(file: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(file, SIM + "redis: {url: 'http://:secret@cache'}")
    assert "secret" not in str(caught.value)


def test_keys_are_told_apart(file: Path) -> None:
    with pytest.raises(SettingsError, match="two keys have the name 'laptop'"):
        loaded(file, SIM, PENSTOCK__INGRESS__API_KEYS=f"[{KEY}, {KEY}]")


def test_a_wrong_variable_is_named(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"PENSTOCK__INGRESS__PORT__X: ingress\.port is a value and has no"):
        loaded(file, SIM + "ingress: {port: 1}", PENSTOCK__INGRESS__PORT__X="1")
    with pytest.raises(SettingsError, match=r"PENSTOCK__INGRESS__PORT: '\[' is not a valid YAML value"):
        loaded(file, SIM, PENSTOCK__INGRESS__PORT="[")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Cannot read the configuration .*gone\.yaml: No such file"):
        load(tmp_path / "gone.yaml", {})
