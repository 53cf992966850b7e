"""Read the configuration: one YAML file, then the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from penstock.errors import SettingsError
from penstock.settings.convert import to_settings
from penstock.settings.environment import overlay
from penstock.settings.rules import broken, missing_folders
from penstock.settings.sections import Settings

#: Serves the demo model; what runs when no file is named.
DEFAULT_FILE = Path(__file__).parents[2] / "examples" / "demo.yaml"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read, convert and check a configuration. Raises SettingsError with everything needed to mend it."""
    try:
        here = Path.cwd()
    except OSError as error:
        raise SettingsError(f"The working directory cannot be used: {error.strerror}; change to another.") from None
    file = here / (path or DEFAULT_FILE)
    tree = _read(file)
    overlay(tree, environ)
    settings = _anchored(to_settings(tree), file.parent)
    _refuse(list(broken(settings)))
    return settings


def require_models(settings: Settings, pools: Iterable[str]) -> None:
    """Raise SettingsError if a model folder of these pools is missing on this machine."""
    _refuse(list(missing_folders(settings, pools)))


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
    return tree


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Model folders are relative to the file that names them, the data folder to where the program runs."""
    pools = {
        name: msgspec.structs.replace(pool, model=(folder / pool.model).resolve()) if pool.model else pool
        for name, pool in settings.pools.items()
    }
    redis = msgspec.structs.replace(settings.redis, data_dir=settings.redis.data_dir.absolute())
    return msgspec.structs.replace(settings, pools=pools, redis=redis)


def _refuse(sentences: list[str]) -> None:
    if sentences:
        raise SettingsError("\n".join(sentences))
