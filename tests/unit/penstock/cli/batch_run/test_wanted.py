from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.batch_run.wanted import require_output
from penstock.errors import SettingsError


def test_results_go_to_a_file_that_can_be_there(tmp_path: Path) -> None:
    require_output(tmp_path / "out", "in")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("none/out", "there is no folder"),
        (".", "is no file"),
        ("-", "is no file"),
        ("in", "is the input itself"),
    ],
)
def test_what_can_be_no_output_is_refused(tmp_path: Path, output: str, sentence: str) -> None:
    given = tmp_path / "in"
    given.touch()
    with pytest.raises(SettingsError, match=f"^--output: .*{sentence}"):
        require_output(tmp_path / output, str(given))
