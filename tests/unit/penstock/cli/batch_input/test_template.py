from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.batch_input.template import Template
from penstock.errors import SettingsError


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [
        ("Summarise: {text}", "Summarise: A text."),
        ("{text}", "A text."),
        ("{text}{text} by {the author}", "A text.A text. by Ada"),
        ("{ text }!", "A text.!"),
        ('Answer as {{"summary": …}}: {text}', 'Answer as {"summary": …}: A text.'),
        ("{{{text}}}", "{A text.}"),
        ("{a.b[0]:x!r}", "as it is called"),
    ],
)
def test_values_stand_where_their_names_stood(prompt: str, filled: str) -> None:
    values = {"text": "A text.", "the author": "Ada", "a.b[0]:x!r": "as it is called"}
    assert Template(prompt).filled(values) == filled


@given(st.text(), st.text(), st.text())
def test_a_value_is_taken_as_it_is_whatever_is_in_it(before: str, value: str, after: str) -> None:
    quoted = (text.replace("{", "{{").replace("}", "}}") for text in (before, after))
    assert Template("{text}".join(quoted)).filled({"text": value}) == f"{before}{value}{after}"


def test_a_name_that_is_no_column_is_told_with_those_that_are() -> None:
    with pytest.raises(SettingsError) as raised:
        Template("Greet {nmae} of {city}.").require(["name", "city"])
    assert str(raised.value) == (
        "--prompt: {nmae} stands for nothing; there is {name}, {city}. A brace itself is written {{ or }}."
    )


@pytest.mark.parametrize(("prompt", "where"), [("a { b {text}", "{ at character 3"), ("{text} }", "} at character 8")])
def test_a_brace_alone_is_told_where_it_is(prompt: str, where: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Template(prompt)
    assert f"--prompt: the {where} belongs to no placeholder" in str(raised.value)


def test_a_prompt_that_is_always_the_same_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match=r"it has no placeholder, .*; there is \{name\}, \{city\}\.$"):
        Template("Summarise {{text}}").require(["name", "city"])
