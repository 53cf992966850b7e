"""The images are built from enough of the tree, and start what there is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.harness.containers import instruction
from tests.harness.installation import PACKAGES, tracked
from tests.harness.processes import ROOT

DOCKERFILES = sorted((ROOT / "deploy" / "images").glob("*.Dockerfile"))


def context() -> list[str]:
    """What .dockerignore lets pass, of what a clone has."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    everything, *rest = lines
    assert everything == "*"
    passed = tuple(line.removeprefix("!") for line in rest if line.startswith("!"))
    return [name for name in tracked() if any(name == one or name.startswith(f"{one}/") for one in passed)]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone: nobody knows which files belong")
def test_what_a_build_is_given_makes_the_whole_wheel(tmp_path: Path) -> None:
    for name in context():
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / "src" / name)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path / "wheels"), "."]
    subprocess.run(command, cwd=tmp_path / "src", check=True, timeout=200)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {name for name in tracked() if name.partition("/")[0] in PACKAGES}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.stem)
def test_what_an_image_copies_is_given_to_its_build(dockerfile: Path) -> None:
    source, _ = instruction(dockerfile, "COPY").split()
    assert source in context()
    assert (ROOT / source).stat().st_mode & 0o111


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.stem)
def test_an_image_starts_a_command_that_there_is(dockerfile: Path) -> None:
    assert json.loads(instruction(dockerfile, "ENTRYPOINT")) == ["tini", "--", "penstock"]
    command = json.loads(instruction(dockerfile, "CMD"))
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", *command, "--help"], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0
