from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from penstock.cli.batch_run.results import Download, IncompleteError, Requests, sort, write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def line(custom_id: str) -> bytes:
    return json.dumps({"id": "batch_req_1", "custom_id": custom_id, "response": None, "error": None}).encode() + b"\n"


def download(content: bytes, target: BinaryIO) -> None:
    target.write(content)


def files(*contents: Sequence[str]) -> list[Download]:
    return [partial(download, b"".join(map(line, ids))) for ids in contents]


def asked(ids: str, *, are_in_order: bool = False) -> Requests:
    return Requests(ids=lambda: iter(ids), are_in_order=are_in_order)


def test_both_files_are_in_one(tmp_path: Path) -> None:
    output = tmp_path / "results.jsonl"
    write(output, files(["b", "c"], ["a"]), asked("abc"))

    assert output.read_bytes() == line("b") + line("c") + line("a")
    assert names(tmp_path) == ["results.jsonl"]


def test_lines_are_in_the_order_of_the_input(tmp_path: Path) -> None:
    output = tmp_path / "results.jsonl"
    write(output, files(["b", "é"], ["a"]), asked("abé", are_in_order=True))

    assert output.read_bytes() == line("a") + line("b") + line("é")


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["a"], "The server has no result for 'b'."),
        (["a", "b", "c"], "The server has 1 results for what was not asked."),
        (["a", "a"], "The server has two results for 'a'."),
    ],
)
def test_an_output_that_is_not_whole_does_not_appear(tmp_path: Path, ids: list[str], sentence: str) -> None:
    with pytest.raises(IncompleteError) as raised:
        write(tmp_path / "results.jsonl", files(ids), asked("ab"))
    assert str(raised.value) == sentence
    assert names(tmp_path) == []


def test_an_output_that_is_there_can_be_put_in_order(tmp_path: Path) -> None:
    output = tmp_path / "results.jsonl"
    write(output, files(["b", "c"], ["a"]), asked("abc"))
    sort(output, lambda: iter("abc"))
    assert output.read_bytes() == line("a") + line("b") + line("c")

    with pytest.raises(IncompleteError):
        sort(output, lambda: iter("abcd"))
    assert output.read_bytes() == line("a") + line("b") + line("c")
    assert names(tmp_path) == ["results.jsonl"]


def test_a_line_that_is_none_is_not_passed_on(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match="has a result that cannot be read"):
        write(tmp_path / "results.jsonl", [partial(download, b"{\n")], asked("a"))
