from __future__ import annotations

import io
from pathlib import Path

import pytest

from penstock.cli.remote.prompt import prompt_of
from penstock.errors import SettingsError


class Input(io.TextIOWrapper):
    """A standard input that is a terminal or none."""

    def __init__(self, content: bytes, *, is_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content))
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def typed(monkeypatch: pytest.MonkeyPatch, content: bytes, *, is_terminal: bool = False) -> None:
    monkeypatch.setattr("sys.stdin", Input(content, is_terminal=is_terminal))


def test_it_is_the_argument_the_file_or_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "prompt"
    file.write_text("from a file")
    assert prompt_of("an argument", None) == "an argument"
    assert prompt_of(None, str(file)) == "from a file"
    for name in (None, "-"):
        typed(monkeypatch, "geschrieben, größer".encode())
        assert prompt_of(None, name) == "geschrieben, größer"


@pytest.mark.parametrize(
    ("argument", "file", "content", "sentence"),
    [
        ("a", "b", b"", "not by both"),
        (" ", None, b"", "is empty"),
        (None, None, b"", "is empty"),
        (None, None, b"\xff", "not text in UTF-8"),
        (None, "/nowhere", b"", "--file: /nowhere: No such file"),
    ],
)
def test_what_is_no_prompt_is_told(
    monkeypatch: pytest.MonkeyPatch, argument: str | None, file: str | None, content: bytes, sentence: str
) -> None:
    typed(monkeypatch, content)
    with pytest.raises(SettingsError, match=sentence):
        prompt_of(argument, file)


def test_nobody_is_left_before_a_terminal_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, b"", is_terminal=True)
    with pytest.raises(SettingsError, match="Give a prompt"):
        prompt_of(None, None)
