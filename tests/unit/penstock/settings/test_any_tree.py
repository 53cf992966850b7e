"""Laws that hold for whatever a file may contain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from penstock.errors import SettingsError
from penstock.settings import Settings, load
from penstock.settings.catalogue import sections
from penstock.settings.schema import json_schema

NAMES = sorted({name for _, section in sections() for name in section.model_fields} | {"sim", "a-b", "prot"})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-2, max_value=70000),
    st.sampled_from([0.5, 2.5, "", "sim", "a-b", "embedded", "vllm", "simulated", "always", "json", "info", "0" * 64]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
VALIDATOR = Draft202012Validator(json_schema())


def around_a_setting(tree: object) -> st.SearchStrategy[dict[str, Any]]:
    """A right configuration but for what stands at one setting."""

    def placed(path: str, name: str) -> dict[str, Any]:
        whole: dict[str, Any] = {"models": {"sim": {"pool": "sim"}}, "pools": {"sim": {"engine": "simulated"}}}
        node: Any = whole
        for step in path.split(".") if path else []:
            inner: Any = [{}] if step.endswith("[]") else {}
            node = node.setdefault(step.removesuffix("[]").replace("NAME", "sim"), inner)
            node = node[0] if step.endswith("[]") else node
        node[name] = tree
        return whole

    places = [(path, name) for path, section in sections() for name in section.model_fields]
    return st.sampled_from(places).map(lambda place: placed(*place))


CONFIGURATIONS = st.one_of(
    (SCALARS | st.lists(SCALARS, max_size=2)).flatmap(around_a_setting),
    TREES.flatmap(around_a_setting),
    st.dictionaries(st.sampled_from(NAMES), TREES, max_size=5),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings") / "penstock.yaml"


@given(tree=CONFIGURATIONS)
def test_the_schema_takes_what_the_settings_take_and_nothing_else(tree: dict[str, Any]) -> None:
    try:
        Settings(**tree)
    except ValidationError:
        assert not VALIDATOR.is_valid(tree)
    else:
        assert VALIDATOR.is_valid(tree)


@given(tree=CONFIGURATIONS)
def test_a_configuration_is_taken_or_refused_in_our_own_words(file: Path, tree: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(tree))
    try:
        load(file, {})
    except SettingsError as error:
        lines = str(error).splitlines()
        assert lines
        assert len(lines) == len(set(lines))
        assert not any("pydantic" in line or "Field required" in line or "Input should" in line for line in lines)
