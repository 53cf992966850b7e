"""Which batches a process takes up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.batches.choosing import Waiting, next_to_take


def waiting(*tenants: str) -> list[Waiting]:
    return [Waiting(f"{tenant}{number}", tenant) for number, tenant in enumerate(tenants)]


def test_all_are_taken_where_there_is_room() -> None:
    assert next_to_take(waiting("a", "a", "b"), [], 64) == ["a0", "b2", "a1"]
    assert next_to_take([], ["a"], 64) == []


def test_a_tenant_with_many_leaves_room_for_the_next() -> None:
    assert len(next_to_take(waiting(*"a" * 100), [], 64)) == 32
    assert next_to_take(waiting(*"a" * 60, "b"), ["a"] * 32, 64) == ["b60"]


def test_none_is_taken_where_there_is_no_room() -> None:
    assert next_to_take(waiting("a"), ["b"] * 64, 64) == []


@given(st.lists(st.sampled_from("abc"), max_size=50), st.lists(st.sampled_from("abc"), max_size=10))
def test_never_more_than_there_is_room_for_and_the_oldest_of_each_first(tenants: list[str], running: list[str]) -> None:
    found = waiting(*tenants)
    chosen = next_to_take(found, running, 16)
    assert len(chosen) + len(running) <= 16
    for tenant in set(tenants):
        own = [one.id for one in found if one.tenant == tenant]
        taken = [one for one in chosen if one.startswith(tenant)]
        assert taken == own[: len(taken)]
    if len(Counter(tenants)) == 1 and not running:
        assert chosen == [one.id for one in found[:8]]
