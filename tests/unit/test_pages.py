"""Pages that name files name those there are."""

from __future__ import annotations

import re

import pytest

from tests.harness.processes import ROOT

PAGES = ("CONTRIBUTING.md", "SECURITY.md", "docs/deployment.md", "deploy/README.md")


def named(page: str) -> set[str]:
    """What the page names as a path from the root, and where its links lead."""
    text = (ROOT / page).read_text()
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)}
    paths = {path for path in re.findall(r"`([\w.-]+/[\w./-]*)`", text) if not path.startswith(".venv")}
    folder = (ROOT / page).parent
    return {str((folder / link).resolve()) for link in links} | {str(ROOT / path) for path in paths}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_files_that_there_are(page: str) -> None:
    missing = {path for path in named(page) if not (ROOT / path).exists()}
    beside = {path for path in missing if (ROOT / page).parent.joinpath(path.removeprefix(f"{ROOT}/")).exists()}
    assert missing - beside == set()
