"""Epochs: numbers that tell a registration or a leadership from all before it."""

from __future__ import annotations

from penstock.broker.keys import keys_of
from penstock.broker.script import Call, Script

_NEXT_EPOCH = Script("next_epoch")


def next_epoch(pool: str) -> Call[int]:
    """A number greater than all before it; a repeat skips one, which harms nobody."""
    return Call(_NEXT_EPOCH, (keys_of(pool).epochs,), (), int)
