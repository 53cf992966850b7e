"""On a Redis Cluster: which slot a command's keys have, and which node is the master of a slot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from penstock.broker.keys import keys_of
from penstock.broker.link import Command
from penstock.broker.slots import SLOTS, SlotMap, slot_of

ASKED = ("10.0.0.9", 7000)
#: A reply to CLUSTER SLOTS: first and last slot, master, replicas; each node is host, port, id and metadata.
REPLY: list[Any] = [
    [5461, 10922, [b"10.0.0.2", 7000, b"b", []], [b"10.0.0.5", 7000, b"e", []]],
    [0, 5460, [b"10.0.0.1", 7000, b"a", []], [b"10.0.0.4", 7000, b"d", []]],
    [10923, 16000, [b"10.0.0.3", 7000, b"c", []]],
]


@given(st.text(max_size=40) | st.sampled_from(["{a}b", "{}a", "a{b}c{d}", "{", "}{", "{{a}}", "a{b", "ü{ö}"]))
def test_the_slot_of_a_key_equals_the_one_that_redis_computes(key: str) -> None:
    assert slot_of(("GET", key)) == slot_of(("GET", key.encode())) == key_slot(key.encode())


@pytest.mark.parametrize(
    "command",
    [
        ("EVALSHA", "sha", 2, keys_of("sim").live, keys_of("sim").wake_up, "arg"),
        ("EVAL", "return 1", 1, keys_of("sim").leader),
        ("BLPOP", keys_of("sim").wake_up, 1.0),
        ("XREAD", "COUNT", 9, "BLOCK", 5, "STREAMS", keys_of("sim").inbox("w"), keys_of("sim").control("w"), "0", "0"),
        ("HGETALL", keys_of("sim").workers),
        ("SUNION", keys_of("sim").instances),
    ],
)
def test_every_command_of_a_pool_has_the_pools_slot(command: Command) -> None:
    assert slot_of(command) == key_slot(b"{sim}")


@pytest.mark.parametrize("command", [("TIME",), ("INFO", "server"), ("PING",), ("EVALSHA", "sha", 0), ("ROLE",)])
def test_a_command_without_keys_has_no_slot(command: Command) -> None:
    assert slot_of(command) is None


def test_the_reply_gives_the_master_of_each_slot_and_all_nodes() -> None:
    slots = SlotMap.read(REPLY, ASKED)
    hosts = {0: "1", 5460: "1", 5461: "2", 10922: "2", 10923: "3", 16000: "3"}
    assert {slot: slots.master_of(slot) for slot in hosts} == {
        slot: (f"10.0.0.{host}", 7000) for slot, host in hosts.items()
    }
    assert slots.masters == {(f"10.0.0.{host}", 7000) for host in (1, 2, 3)}
    assert [host[-1] for host, _ in slots.nodes] == ["1", "2", "3", "4", "5"], "masters first"


def test_a_slot_that_nobody_serves_has_no_master() -> None:
    slots = SlotMap.read(REPLY, ASKED)
    assert slots.master_of(16001) is None
    assert slots.master_of(SLOTS - 1) is None
    assert SlotMap.read([], ASKED).master_of(0) is None


@pytest.mark.parametrize("unsaid", [b"", None, b"?"])
def test_a_node_without_a_host_in_the_reply_has_the_host_that_was_asked(unsaid: bytes | None) -> None:
    slots = SlotMap.read([[0, SLOTS - 1, [unsaid, 7001, b"a"]]], ASKED)
    assert slots.master_of(7) == ("10.0.0.9", 7001)
