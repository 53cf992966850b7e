"""Commands packed in C are the bytes that redis-py would send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection

from penstock.broker.packing import TcpConnection
from penstock.job import State

arguments = st.text() | st.binary() | st.integers(-(2**62), 2**62)


@given(st.lists(arguments, max_size=8))
def test_any_arguments_are_packed_as_redis_py_packs_them(args: list[str | bytes | int]) -> None:
    assert TcpConnection().pack_command("EVALSHA", *args) == [b"".join(Connection().pack_command("EVALSHA", *args))]


@pytest.mark.parametrize("args", [("CONFIG GET", "maxmemory"), ("PING",), ("SET", "key", State.QUEUED, "PX", 0.5)])
def test_two_word_commands_and_enums_are_packed_as_redis_py_packs_them(args: tuple[str, ...]) -> None:
    assert TcpConnection().pack_command(*args) == [b"".join(Connection().pack_command(*args))]


def test_what_redis_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError):
        TcpConnection().pack_command("SET", "key", None)
