"""From settings to a storage: what is refused at the start, and in which words."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from penstock.cli import main
from penstock.cli.options import EXIT_SETTINGS
from penstock.errors import SettingsError
from penstock.settings import Settings, StorageSettings, load
from penstock.storage import require_library

SIM = "models: {sim: {pool: sim}}\npools: {sim: {engine: simulated}}\n"


def loaded(folder: Path, text: str) -> Settings:
    file = folder / "penstock.yaml"
    file.write_text(SIM + text)
    return load(file, {})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"url": "nowhere://bucket"}, "storage.url: cannot use the scheme 'nowhere'; give a folder, or a URL"),
        ({"url": "file://elsewhere/files"}, "names another machine"),
        ({"url": "/files", "options": {"key": "one"}}, "storage.options: a folder has none"),
    ],
)
def test_what_leads_nowhere_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        require_library(StorageSettings.model_validate(settings))


def test_a_scheme_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(importlib.import_module("fsspec.registry"), "get_filesystem_class", missing)
    with pytest.raises(SettingsError, match=r"pip install 'penstock\[s3\]'"):
        require_library(StorageSettings(url="s3://bucket/files"))
    with pytest.raises(SettingsError, match="Install s3fs to access S3"):
        require_library(StorageSettings(url="gs://bucket/files"))


def test_files_are_beside_redis_own_unless_they_are_to_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert loaded(tmp_path, "").storage.url == str(tmp_path / "data" / "files")
    assert loaded(tmp_path, "redis: {data_dir: /srv/redis}").storage.url == "/srv/redis/files"
    assert loaded(tmp_path, "storage: {url: mine}").storage.url == str(tmp_path / "mine")
    assert loaded(tmp_path, "storage: {url: 's3://bucket/files'}").storage.url == "s3://bucket/files"


def test_keys_to_a_store_are_not_shown() -> None:
    settings = StorageSettings(url="s3://bucket", options={"secret": "open sesame"})
    assert "sesame" not in repr(settings)


def test_a_wrong_option_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        loaded(tmp_path, "storage: {options: open sesame}")
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize("command", [["config", "check"], ["ingress"], ["background"], ["up"]])
def test_nothing_starts_with_a_store_that_nobody_can_reach(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "penstock.yaml"
    file.write_text(SIM + "storage: {url: 'nowhere://bucket'}\n" + f"redis: {{data_dir: {tmp_path / 'data'}}}")
    assert main([*command, "--config", str(file)]) == EXIT_SETTINGS
    assert capsys.readouterr().err.startswith("penstock: storage.url: cannot use the scheme 'nowhere'")
    assert not (tmp_path / "data").exists()
