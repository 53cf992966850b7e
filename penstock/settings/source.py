"""Where the settings come from: one YAML file, then the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import InitSettingsSource

from penstock.errors import SettingsError
from penstock.settings.environment import overlay
from penstock.settings.sections import Settings


class ConfigurationSource(InitSettingsSource):
    """A configuration file with the environment's variables written over it.

    It is one source: between two of them pydantic-settings merges mappings, but `PENSTOCK__POOLS={...}` replaces all
    pools of the file. Raises SettingsError where there is no file that could be read.
    """

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self.tree = _read(file)
        #: What is wrong with the variables themselves.
        self.faults = list(overlay(self.tree, environ))
        super().__init__(Settings, self.tree)


def _read(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"Cannot read the configuration {file}: {error.strerror}; name another with --config."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        raise SettingsError(f"{file}: expected `key: value` lines at the top, such as `models:` and `pools:`.")
    # They become arguments of a call, and `1: x` is no setting by any other name either.
    return {str(key): value for key, value in tree.items()}
