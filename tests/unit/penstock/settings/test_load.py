from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import SettingsError
from penstock.settings import DEFAULT_FILE, EngineName, RedisSettings, Settings, load, require_models

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
        (
            "streams: {signing_key: short}",
            "streams.signing_key: expected a text of at least 32 characters, got another",
        ),
        ("streams: {signing_key: 12}", "streams.signing_key: expected a text of at least 32 characters, got something"),
        (f"streams: {{previous_signing_key: {'0' * 31}x}}", "streams.previous_signing_key: there is no streams.signi"),
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


def wrong(file: Path, text: str, **environ: str) -> list[str]:
    """The sentences that a wrong configuration is refused with, each without what comes after its first clause."""
    with pytest.raises(SettingsError) as caught:
        loaded(file, text, **environ)
    return [line.partition(";")[0].partition(",")[0].rstrip(".") for line in str(caught.value).splitlines()]


def test_everything_that_is_wrong_is_said_at_once(file: Path) -> None:
    text = """
        models: {sim: {pool: sym}}
        pools: {sim: {engine: simulated, workers: none, heartbeat_s: 3, slot: 1}}
        redis: {url: 'http://cache'}
        ingress: {host: 0.0.0.0, api_keys: [{name: a}, {tenant: b}]}
        scheduler: {tick_s: 9}
        telemetri: {}
    """
    assert wrong(file, text, PENSTOCK__TOKENIZER__PORT="[", PENSTOCK__REDIS__DATA_DIR__X="1") == [
        "PENSTOCK__TOKENIZER__PORT: '[' is not a valid YAML value: expected the node content",
        "pools.sim.workers: expected a whole number of at least 1",
        "pools.sim.slot: no such setting",
        "redis.data_dir: expected a path",
        "ingress.api_keys[0].tenant: missing",
        "ingress.api_keys[0].sha256: missing",
        "ingress.api_keys[1].name: missing",
        "ingress.api_keys[1].sha256: missing",
        "telemetri: no such setting",
        "redis.url: cannot use the scheme 'http'",
        "models.sim.pool: no pool 'sym' (pools: sim)",
        "pools.sim.heartbeat_s: must be at most half of pools.sim.lease_ttl_s",
        "scheduler.tick_s: must be at most half of scheduler.leader_ttl_s",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # One of the two compared, or what was probably meant to be one, is wrong itself.
        (SIM + "scheduler: {tick_s: 1, leader_ttl_s: long}", "scheduler.leader_ttl_s: expected a number of seconds"),
        (SIM + "scheduler: {tick_s: 1, leader_ttl: 3}", "scheduler.leader_ttl: no such setting"),
        ("models: {sim: {pool: sim}}\npools: {sim: {engin: simulated}}", "pools.sim.engin: no such setting"),
        ("models: {sim: {pool: sim}}\npools: {Sim: {engine: simulated}}", "pools.Sim: expected lower-case letters"),
        ("models: {sim: {pool: sim}}\npool: {sim: {engine: simulated}}", "pool: no such setting"),
        ("models: {sim: {}}\npools: {sim: {engine: simulated}}", "models.sim.pool: missing"),
        (SIM + "ingress: {host: 0.0.0.0, api_keys: none}", "ingress.api_keys: expected a list"),
    ],
)
def test_what_only_follows_from_a_fault_is_not_said(file: Path, text: str, sentence: str) -> None:
    (said,) = wrong(file, text)
    assert said.startswith(sentence)


def test_a_missing_setting_is_told_with_what_it_is_for(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"^models\.m\.pool: missing; give .*\. \(The pool that serves it\.\)$"):
        loaded(file, "models: {m: {}}\npools: {sim: {engine: simulated}}")


def test_names_that_are_no_texts_are_named(file: Path) -> None:
    assert wrong(file, SIM + "1: 2\ningress: {2: 3}") == ["ingress.2: no such setting", "1: no such setting"]


@pytest.mark.parametrize(
    "text",
    [
        "redis: {url: 'http://:secret@cache'}",
        "redis: {url: ['redis://:secret@cache']}",
        "redis: 'redis://me:secret@cache'",
        "ingress: {api_keys: [{name: a, tenant: b, sha256: secret}]}",
        "streams: {signing_key: secret}",
        "streams: {signing_key: [secret]}",
        "streams: {previous_signing_key: secret-that-is-long-enough-for-one}",
    ],
)
def test_a_secret_is_not_repeated_in_an_error(file: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(file, SIM + text)
    assert "secret" not in str(caught.value)


def test_a_secret_is_not_shown_with_the_settings(file: Path) -> None:
    signing = f"streams: {{signing_key: {'secret' * 6}, previous_signing_key: {'secret' * 7}}}"
    settings = loaded(file, SIM + f"redis: {{url: 'redis://:secret@cache'}}\ningress: {{api_keys: [{KEY}]}}\n{signing}")
    assert "secret" not in repr(settings)
    assert KEY["sha256"] not in repr(settings)


def test_a_section_in_the_environment_replaces_that_of_the_file(file: Path) -> None:
    settings = loaded(
        file,
        SIM + "ingress: {port: 9000}",
        PENSTOCK__INGRESS="{ping_s: 3}",
        PENSTOCK__POOLS="{other: {engine: simulated}}",
        PENSTOCK__POOLS__OTHER__WORKERS="2",
        PENSTOCK__MODELS="{other: {pool: other}}",
    )
    assert (settings.ingress.port, settings.ingress.ping_s) == (8000, 3.0)
    assert {name: pool.workers for name, pool in settings.pools.items()} == {"other": 2}


def test_settings_made_in_code_are_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS", "{}")
    monkeypatch.setenv("PENSTOCK__INGRESS__PORT", "1")
    settings = Settings(models={}, pools={})
    assert (settings.redis, settings.ingress.port) == (RedisSettings(), 8000)


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
