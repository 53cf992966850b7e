from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.printable import printable, printable_json, printable_lines

RED = "\x1b[31mred\x1b[0m"
TITLE = "\x1b]0;a title\x07"
#: What moves the cursor, changes colours, ends a line or turns the direction of writing.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 水 and 🙂", "plain, 水 and 🙂"),
        (RED, r"\x1b[31mred\x1b[0m"),
        (TITLE, r"\x1b]0;a title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("two\r\nlines\tand a tab", r"two\r\nlines\tand a tab"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_text_of_several_lines_keeps_them() -> None:
    assert printable_lines(f"one\n{RED}\n") == "one\n\\x1b[31mred\\x1b[0m\n"


@given(st.text())
def test_nothing_that_a_terminal_obeys_comes_through(text: str) -> None:
    assert not OBEYED.search(printable(text))
    assert not OBEYED.search(printable_lines(text).replace("\n", ""))
    assert not OBEYED.search(printable_json({text: text}))


@given(st.dictionaries(st.text(st.characters(), min_size=1), st.text(st.characters())))
def test_json_says_the_same_in_another_spelling(value: dict[str, str]) -> None:
    assert json.loads(printable_json(value)) == value
    assert json.loads(printable_json(value, indent=2)) == value
