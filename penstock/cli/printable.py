"""Text from elsewhere, as it may be shown: a terminal obeys nothing in it."""

from __future__ import annotations

import json
import re
from typing import Any

#: C0, DEL and C1 (colours, cursor, window titles), separators of lines, direction of writing, halves of characters.
_OBEYED = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ANY = re.compile(f"[{_OBEYED}]")
_ANY_BUT_NEWLINES = re.compile(f"(?!\n)[{_OBEYED}]")


def printable(text: str) -> str:
    """One line in which every character that a terminal would obey is written as its Python escape."""
    return _ANY.sub(_escape, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return _ANY_BUT_NEWLINES.sub(_escape, text)


def printable_json(value: Any, indent: int | None = None) -> str:
    """JSON with the same characters escaped: the same value in another spelling."""
    return _ANY_BUT_NEWLINES.sub(_escape_in_json, json.dumps(value, indent=indent, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _escape_in_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
