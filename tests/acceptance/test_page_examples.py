"""What the pages about batches and files have readers run, word by word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.simulation import expected
from tests.harness.processes import ROOT
from tests.harness.up import Up

THERE = "http://127.0.0.1:8000"
BATCHES = (ROOT / "docs" / "batches.md").read_text()
FILES = (ROOT / "docs" / "files.md").read_text()


def block(page: str, language: str, text: str) -> str:
    """The block of a page that has this text."""
    (found,) = [one for one in re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if text in one]
    return str(found)


@pytest.fixture
def request_line() -> str:
    """The page's own request, of the model that is served here."""
    return block(BATCHES, "json", '"method"').replace('"demo"', '"sim"')


def run(program: str, up: Up, folder: Path) -> str:
    """What a program prints that does not fail."""
    source = program.replace(THERE, up.url).replace("time.sleep(5)", "time.sleep(0.1)")
    return done(folder, sys.executable, "-c", source)


def done(folder: Path, *words: str) -> str:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_batch_is_made_and_its_answers_are_printed(sim: Up, request_line: str, tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_text(request_line)
    (line,) = run(block(BATCHES, "python", "batches.create"), sim, tmp_path).splitlines()
    answer = json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
    assert answer == expected("What is Penstock?")


def test_a_batch_that_failed_says_what_is_wrong(sim: Up, request_line: str, tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_text(request_line * 2)
    said = run(block(BATCHES, "python", "batches.create"), sim, tmp_path)
    assert said == "line 2: duplicate_custom_id: custom_id '1' was used before.\n"


def test_a_file_goes_there_and_comes_back(sim: Up, request_line: str, tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_text(request_line)
    run(block(FILES, "python", "files.create"), sim, tmp_path)
    assert (tmp_path / "copy.jsonl").read_text() == request_line


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq on the PATH")
def test_lines_without_an_answer_are_taken_from_the_input(request_line: str, tmp_path: Path) -> None:
    lines = [request_line.replace('"custom_id": "1"', f'"custom_id": "{number}"') for number in range(3)]
    (tmp_path / "requests.jsonl").write_text("".join(lines))
    (tmp_path / "errors.jsonl").write_text('{"custom_id": "2"}\n{"custom_id": "0"}\n')
    again, _ = block(BATCHES, "console", "again.jsonl").removeprefix("$ ").split("\n$ ")
    done(tmp_path, "bash", "-c", again)
    found = (tmp_path / "again.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in found] == [json.loads(lines[place]) for place in (0, 2)]
