"""The configurations that come with Penstock, each known by its name."""

from __future__ import annotations

from pathlib import Path

from penstock.settings.load import DEFAULT_FILE

NAMES = ("demo", "simulated")
#: Their files are here, and the model that the first one serves.
FOLDER = DEFAULT_FILE.parent


def configuration(text: str) -> Path:
    """The file that `--config` names: a name alone is one of ours, anything else is a path, `./demo` as well."""
    return FOLDER / f"{text}.yaml" if text in NAMES else Path(text)
