from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.batch_run.local_host import LocalHost
from penstock.cli.batch_run.local_stack import LocalStack, overrides
from penstock.errors import SettingsError
from penstock.settings import load
from penstock.settings.builtin import configuration

OTHERS = """
models: {sim: {pool: sim}}
pools: {sim: {engine: simulated}, a.b_c: {engine: simulated}, odd_: {engine: simulated}}
redis: {url: redis://elsewhere}
background: {redis_url: redis://elsewhere}
storage: {url: s3://bucket, options: {key: a}}
ingress: {host: 0.0.0.0, port: 80, processes: 4, api_keys: [{name: a, tenant: a, sha256: %s}]}
""" % ("a" * 64)


def test_whatever_is_configured_the_stack_is_of_this_run_alone(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(OTHERS)
    settings = load(config, overrides(load(config).pools, tmp_path / "run", 12_345))

    assert (settings.redis.is_embedded, settings.redis.data_dir) == (True, tmp_path / "run")
    assert (settings.background.redis_url, settings.storage.url) == ("", str(tmp_path / "run" / "files"))
    assert (settings.ingress.host, settings.ingress.port, settings.ingress.api_keys) == ("127.0.0.1", 12_345, ())
    assert [pool.drain_grace_s for pool in settings.pools.values()] == [2.0, 2.0, 20.0]


def test_what_cannot_run_here_is_said_before_anything_starts(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("models: {}\npools: {}\n")
    with pytest.raises(SettingsError):
        LocalStack(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_its_address_is_one_of_this_machine(tmp_path: Path) -> None:
    stack = LocalStack(configuration("simulated"), tmp_path)
    assert stack.url == f"http://127.0.0.1:{stack.settings.ingress.port}"


def test_a_run_finds_its_stack_again_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text("models: {sim: {pool: sim}}\npools: {sim: {engine: simulated}}\n")
    monkeypatch.chdir(tmp_path)
    own, builtin = (LocalHost(config, tmp_path) for config in (Path("config.yaml"), configuration("simulated")))

    assert own.options == ["--local", "--config", f"{tmp_path}/config.yaml"]
    assert builtin.options == ["--local", "--config", "simulated"]
    assert LocalHost(configuration("demo"), tmp_path).options == ["--local"]
    assert own.models() == builtin.models() == ["sim"]
