"""Penstock as people install it: a wheel built from the tree, in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.metadata import Metadata

from scripts.lock import closure
from tests.harness.processes import ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: What a wheel installs: `penstock*` there means the package and all below it.
PACKAGES = tuple(name.removesuffix("*") for name in _PROJECT["tool"]["setuptools"]["packages"]["find"]["include"])
#: What a program sees of the environment: nothing that leads back to the tree.
_PASSED_ON = ("PATH", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Built:
    """The distributions of one tree."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True)
class Installation:
    """A virtual environment that holds a wheel and what that asks for."""

    folder: Path

    @property
    def site(self) -> Path:
        """Its packages."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def program(self) -> str:
        """The command line."""
        return str(self.folder / "bin" / "penstock")

    def environ(self, **more: str) -> dict[str, str]:
        """An environment in which nothing leads back to the tree."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {**passed, "HOME": str(self.folder), "HF_HUB_OFFLINE": "1", **more}

    def run(self, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder to its end."""
        return subprocess.run(
            command, cwd=folder, env=self.environ(), capture_output=True, text=True, check=False, timeout=120
        )


def tracked() -> list[str]:
    """Every file of the tree that a clone has, or will have."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).exists())


def build(folder: Path) -> Built:
    """A source distribution of the tree as a clone has it, and a wheel of that."""
    tree, out = folder / "tree", folder / "dist"
    for name in tracked():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Built(sdist, wheel)


def install(wheel: Path, metadata: Metadata, folder: Path) -> Installation:
    """The wheel, and of this environment's packages those that it asks for, all that they ask for, and no other."""
    installation = _new(wheel, folder)
    for package in closure(metadata.requires_dist or []):
        _link(package, installation.site)
    return installation


def install_beside_all(wheel: Path, folder: Path) -> Installation:
    """The wheel, and every package of this environment; the tree's own is not among them."""
    installation = _new(wheel, folder)
    # A line of such a file leads to a folder, and not on to those that lie there: the editable installation is one.
    (installation.site / "all.pth").write_text("\n".join(site.getsitepackages()))
    return installation


def _new(wheel: Path, folder: Path) -> Installation:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    installation = Installation(folder)
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", installation.python, "install", *options, str(wheel)]
    subprocess.run(pip, check=True, timeout=120, env=installation.environ())
    return installation


def _link(package: str, target: Path) -> None:
    try:
        found = distribution(package)
    except PackageNotFoundError:
        # For another Python.
        return
    for top in _tops(str(file) for file in found.files or ()):
        link = target / top
        if not link.exists():
            link.symlink_to(str(found.locate_file(top)))


def _tops(files: Iterable[str]) -> set[str]:
    """The entries of the packages' folder that a distribution's files are in."""
    return {top for top in (file.partition("/")[0] for file in files) if top not in ("..", "__pycache__")}
