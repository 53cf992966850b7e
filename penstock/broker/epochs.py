"""Epochs: numbers that tell a registration or a leadership from all before it."""

from __future__ import annotations

from penstock.broker.keys import keys_of
from penstock.broker.script import Call, Script

_NEXT_EPOCH = Script("next_epoch")


def next_epoch(pool: str, after: int = 0) -> Call[int]:
    """A number greater than all before it; a repeat skips one, which harms nobody.

    `after` is the latest that the caller knows of: should Redis have lost the counter, it goes on from there.
    """
    return Call(_NEXT_EPOCH, (keys_of(pool).epochs,), (after,), int)


def epoch_of(instance: str) -> int:
    """The epoch that an instance's name ends with; 0 for no instance."""
    number = instance.rpartition(".")[2]
    return int(number) if number.isdecimal() else 0
