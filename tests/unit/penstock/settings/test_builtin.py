"""The configurations that come with Penstock are named without a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.settings import DEFAULT_FILE, load, require_models
from penstock.settings.builtin import FOLDER, NAMES, configuration


def test_each_has_a_name() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in FOLDER.glob("*.yaml"))
    assert DEFAULT_FILE.stem in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_alone_is_one_of_them_wherever_it_is_typed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    settings = load(configuration(name), {})
    require_models(settings, settings.pools)


@pytest.mark.parametrize("text", ["./demo", "demo.yaml", "/etc/penstock/demo", "demonstration", ""])
def test_anything_else_is_a_path(text: str) -> None:
    assert configuration(text) == Path(text)
