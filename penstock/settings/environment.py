"""Overrides from the environment: `PENSTOCK__INGRESS__PORT=8001` is `ingress.port`; values are written as in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from penstock.errors import SettingsError

PREFIX = "PENSTOCK__"


def variable(path: str) -> str:
    """The environment variable that overrides the setting at a dotted path; a list is overridden as a whole."""
    return PREFIX + path.partition("[")[0].replace(".", "__").upper()


def overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Write the environment's overrides into `tree`."""
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX):
            _put(tree, name.removeprefix(PREFIX).lower().split("__"), _value(name, text), name)


def _put(tree: dict[str, Any], keys: list[str], value: object, name: str) -> None:
    for depth, key in enumerate(keys[:-1], start=1):
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            raise SettingsError(f"{name}: {'.'.join(keys[:depth])} is a value and has no settings inside; unset it.")
        tree = branch
    tree[keys[-1]] = value


def _value(name: str, text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{name}: {text!r} is not a valid YAML value: {error}") from None
