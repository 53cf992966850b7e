"""A regular expression is enforced as it is written, or refused."""

from __future__ import annotations

import pytest

from penstock.errors import InvalidRequestError
from penstock.request.expressions import MAX_PATTERN_WRITTEN_OUT, check_expression


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "^[A-Z]{2,3}-[0-9]{4,8}$",
        r"^[^\s@]+@[^\s@]+\.[^\s@]{2,}$",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
        "^[a-z]{1,64}(-[a-z]{1,64}){0,10}$",
        "(^foo$|^bar$)",
        "^(?:one|(?<name>two))$",
        "[]a^$(?=]b",
        r"\u0041\x41\.\$\^",
        "a{1,1000}",
        "{a",
    ],
)
def test_what_is_enforced_is_taken(expression: str) -> None:
    check_expression(expression, "response_format", MAX_PATTERN_WRITTEN_OUT)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("(?=a)b", "(?="),
        ("a(?!b)", "(?!"),
        ("(?<=a)b", "(?<="),
        ("(?<!a)b", "(?<!"),
        ("(?i)a", "(?i"),
        (r"\bword\b", r"\b"),
        (r"(a)\1", r"\1"),
        (r"\p{L}+", r"\p"),
        (r"\Aa\Z", r"\A"),
        ("a^b", "^"),
        ("a(^b|c)", "^"),
        ("(a$|b)c", "$"),
        ("((a$))+", "$"),
    ],
)
def test_what_an_engine_would_drop_is_refused(expression: str, named: str) -> None:
    with pytest.raises(InvalidRequestError, match="no grammar enforces") as caught:
        check_expression(expression, "response_format")
    assert f"with {named}" in caught.value.message


@pytest.mark.parametrize(
    "expression",
    [
        "|".join(f"alternative number {number}" for number in range(900)),
        "a{1,1001}",
        "(a{1,100}){1,100}",
        "((a{100}){100}){100}",
        "(((((a{99}){99}){99}){99}){99}){99}",
        "a{99999999999999999999999}",
    ],
)
def test_what_repetitions_hide_is_counted(expression: str) -> None:
    with pytest.raises(InvalidRequestError, match="of more than"):
        check_expression(expression, "response_format", MAX_PATTERN_WRITTEN_OUT)


@pytest.mark.parametrize(
    "expression", ["(", ")", "((((", "a)))", "[", "[a", "\\", "a{", "a{2", "(?", "(?<", "(?<name", "(?:"]
)
def test_what_is_malformed_is_the_engines_to_refuse(expression: str) -> None:
    try:
        check_expression(expression, "response_format")
    except InvalidRequestError as error:
        assert error.param == "response_format"  # noqa: PT017 - either is right, but nothing else may come of it


def test_what_is_long_is_not_read() -> None:
    with pytest.raises(InvalidRequestError, match="of more than 10000 characters"):
        check_expression("(?<" * 1_000_000, "response_format")
