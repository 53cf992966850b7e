"""deploy/ as Compose reads it: its variables filled in, its services by name."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

from tests.harness.processes import ROOT

DEPLOY = ROOT / "deploy"
#: Where compose.yaml mounts the configuration.
MOUNTED = "/etc/penstock/penstock.yaml"
KEY = "sk-compose"
VARIABLES = {
    "MODEL_DIR": "/srv/models/chat",
    "PENSTOCK_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
}
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\}")


def compose_text() -> str:
    """compose.yaml with its variables filled in."""
    return _VARIABLE.sub(_filled_in, (DEPLOY / "compose.yaml").read_text())


def services() -> dict[str, dict[str, Any]]:
    """Its services."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(compose_text())["services"]
    return found


def required_variables() -> set[str]:
    """Those without which Compose starts nothing."""
    found = _VARIABLE.finditer((DEPLOY / "compose.yaml").read_text())
    return {match["name"] for match in found if match["kind"] == ":?"}


def instruction(dockerfile: Path, name: str) -> str:
    """What the last instruction of that name says; its lines joined."""
    joined = re.sub(r"\\\n", " ", dockerfile.read_text())
    said: list[str] = re.findall(rf"^ *{name} +(.*)$", joined, re.MULTILINE)
    return said[-1].strip()


def seconds(duration: str) -> float:
    """A duration as this file writes them: whole seconds."""
    found = re.fullmatch(r"(\d+)s", duration)
    assert found, duration
    return float(found[1])


def _filled_in(match: re.Match[str]) -> str:
    default = match["rest"] if match["kind"] == ":-" else ""
    return VARIABLES.get(match["name"], default)
