"""What is wrong with an option's value, in the words that the rest of Penstock has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection

_NO_NUMBER = {
    "int_parsing": "is no whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "is no number",
}


def wrong_value(error: Exception) -> str:
    """A sentence about a value that pydantic refused for typer; "" for any other mistake."""
    found: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    names = getattr(getattr(error, "param", None), "opts", ())
    why = _why(found[0]) if found else ""
    return f"{names[-1]}: {found[0]['input']!r} {why}." if names and why else ""


def require_one_of(name: str, value: str, known: Collection[str]) -> None:
    """Raise SettingsError for a value that is none of those that there are."""
    if value not in known:
        raise SettingsError(f"{name}: {value!r} is none of {', '.join(known)}.")


def _why(fault: dict[str, Any]) -> str:
    if fault["type"] == "greater_than_equal":
        return f"is too little: it must be at least {fault['ctx']['ge']}"
    return _NO_NUMBER.get(fault["type"], "")
