from __future__ import annotations

import os

import pytest

from workers.engine.vllm import environment


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the process sees as its environment."""
    environ = {"HOME": "/home/someone"}
    monkeypatch.setattr(os, "environ", environ)
    return environ


def test_compiled_kernels_stay_in_the_users_cache(environ: dict[str, str]) -> None:
    environment.prepare(is_compiled=True)
    assert environ["TRITON_CACHE_DIR"] == "/home/someone/.cache/penstock/triton"


def test_what_the_operator_says_holds(environ: dict[str, str]) -> None:
    environ |= {"OMP_NUM_THREADS": "4", "TRITON_CACHE_DIR": "/kernels"}
    environment.prepare(is_compiled=True)
    assert (environ["OMP_NUM_THREADS"], environ["TRITON_CACHE_DIR"]) == ("4", "/kernels")
