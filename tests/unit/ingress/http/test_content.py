"""How a file gets its name where it is kept."""

from __future__ import annotations

import pytest

from ingress.http.content import attachment


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.jsonl", 'attachment; filename="a.jsonl"'),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("größe", "attachment; filename=\"gr__e\"; filename*=UTF-8''gr%C3%B6%C3%9Fe"),
    ],
)
def test_a_name_is_told_to_old_and_new_clients(name: str, header: str) -> None:
    assert attachment(name) == header
