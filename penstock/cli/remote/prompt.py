"""What a command is to ask the model: an argument, a file, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from penstock.errors import SettingsError

_STANDARD_INPUT = "-"


def prompt_of(argument: str | None, file: str | None) -> str:
    """The prompt. Raises SettingsError where there is none, or more than one."""
    if argument is not None and file is not None:
        raise SettingsError("Give the prompt as an argument or by --file, not by both.")
    found = _read(file) if argument is None else argument
    if not found.strip():
        raise SettingsError("The prompt is empty.")
    return found


def _read(file: str | None) -> str:
    try:
        if file not in (None, _STANDARD_INPUT):
            return Path(file or "").read_text()
        if sys.stdin is None or (file is None and sys.stdin.isatty()):
            raise SettingsError("Give a prompt: as an argument, by --file, or on standard input.")
        return sys.stdin.buffer.read().decode()
    except OSError as error:
        raise SettingsError(f"--file: {file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError("The prompt is not text in UTF-8.") from None
