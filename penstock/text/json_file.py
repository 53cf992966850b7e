"""A JSON object in a file of a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.errors import SettingsError


def read_json(path: Path) -> dict[str, Any]:
    """The object; empty where there is no such file, or something else in it. Raises SettingsError."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    return value if isinstance(value, dict) else {}
