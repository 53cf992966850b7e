"""Overrides from the environment: `PENSTOCK__INGRESS__PORT=8001` is `ingress.port`; values are written as in YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from penstock.settings.fault import Fault, dotted, shown

PREFIX = "PENSTOCK__"


def variable(path: str) -> str:
    """The environment variable that overrides the setting at a dotted path; a list is overridden as a whole."""
    return PREFIX + path.partition("[")[0].replace(".", "__").upper()


def overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> Iterator[Fault]:
    """Write the environment's overrides into `tree`; tells of those that cannot be written."""
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX):
            keys = name.removeprefix(PREFIX).lower().split("__")
            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError as error:
                why = error.problem if isinstance(error, yaml.MarkedYAMLError) else "a character cannot be read"
                yield Fault(
                    tuple(keys), f"{name}: {shown(text)} is not a valid YAML value: {why}; mend it, or unset it."
                )
            else:
                yield from _put(tree, keys, value, name)


def _put(tree: dict[str, Any], keys: list[str], value: object, name: str) -> Iterator[Fault]:
    for depth, key in enumerate(keys[:-1], start=1):
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            place = tuple(keys[:depth])
            yield Fault(place, f"{name}: {dotted(place)} is a value and has no settings inside; unset it.")
            return
        tree = branch
    tree[keys[-1]] = value
