"""A prompt with placeholders: `Summarise: {text}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from penstock.errors import SettingsError

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """Each `{name}` stands for a value; `{{` and `}}` are braces."""

    def __init__(self, text: str) -> None:
        """Raises SettingsError for a brace that belongs to nothing."""
        #: Texts and names by turns, a text first and last.
        self._texts = [""]
        self._names: list[str] = []
        end = 0
        for part in _PART.finditer(text):
            self._texts[-1] += text[end : part.start()]
            end = part.end()
            self._take(part)
        self._texts[-1] += text[end:]

    def require(self, columns: Sequence[str]) -> None:
        """Raise SettingsError for a placeholder that stands for none of these, or a prompt that has none."""
        if not self._names:
            raise SettingsError(
                f"--prompt: it has no placeholder, so that all prompts would be the same; there is {_listed(columns)}."
            )
        for name in self._names:
            if name not in columns:
                raise SettingsError(
                    f"--prompt: {{{name}}} stands for nothing; there is {_listed(columns)}. A brace itself is written "
                    "{{ or }}."
                )

    def filled(self, values: Mapping[str, str]) -> str:
        """The prompt for one row."""
        pieces = [self._texts[0]]
        for name, text in zip(self._names, self._texts[1:], strict=True):
            pieces += (values[name], text)
        return "".join(pieces)

    def _take(self, part: re.Match[str]) -> None:
        if part[0] in ("{{", "}}"):
            self._texts[-1] += part[0][0]
        elif part[1] is None:
            raise SettingsError(
                f"--prompt: the {part[0]} at character {part.start() + 1} belongs to no placeholder; a brace itself is "
                "written {{ or }}."
            )
        else:
            self._names.append(part[1].strip())
            self._texts.append("")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in columns)
