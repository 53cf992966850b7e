from __future__ import annotations

import hashlib

import pytest

from ingress.intake.auth import ANYBODY, Caller, caller_of
from penstock.errors import UnauthorizedError
from penstock.settings import ApiKey

KEYS = tuple(
    ApiKey(name=name, tenant=f"t{name}", sha256=hashlib.sha256(f"sk-{name}".encode()).hexdigest()) for name in "ab"
)


def test_without_keys_everybody_is_the_default_tenant() -> None:
    assert caller_of(None, ()) == ANYBODY
    assert caller_of("Bearer whatever", ()) == ANYBODY


@pytest.mark.parametrize("header", ["Bearer sk-b", "bearer sk-b", "Bearer  sk-b "])
def test_a_key_names_its_tenant(header: str) -> None:
    assert caller_of(header, KEYS) == Caller("tb", "b")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic sk-a", "sk-a", "Bearer sk-c", "Bearer sk-a sk-b"]
)
def test_anything_else_is_refused(header: str | None) -> None:
    with pytest.raises(UnauthorizedError):
        caller_of(header, KEYS)
