"""A terminal for a command, and what it shows there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping


def shown_by(command: Iterable[str], environ: Mapping[str, str]) -> str:
    """What a command writes to a wide terminal with colours, until it ends; its standard error goes there, too."""
    ours, its = os.openpty()
    surroundings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **environ}
    with subprocess.Popen([*command], stdin=its, stdout=its, stderr=its, env=surroundings):
        os.close(its)
        try:
            return _all_of(ours).decode().replace("\r\n", "\n")
        finally:
            os.close(ours)


def _all_of(descriptor: int) -> bytes:
    text = b""
    while part := _some_of(descriptor):
        text += part
    return text


def _some_of(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux' way to say that the other end is closed
        return b""
