"""Which node of a Redis Cluster serves a command: keys have slots, slots have masters."""

from __future__ import annotations

from binascii import crc_hqx
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.broker.connections import Node
from penstock.broker.link import Command

SLOTS = 16384
_SCRIPTS = frozenset({"EVALSHA", "EVAL"})
_KEYLESS = frozenset({"TIME", "INFO", "PING", "ROLE", "CONFIG", "CLUSTER", "SCRIPT", "PUBLISH"})


@dataclass(frozen=True)
class SlotMap:
    """The masters of a cluster as one of its nodes told them, and every node that it named."""

    #: Where each range of slots begins, ascending; who serves it, and its last slot.
    firsts: tuple[int, ...]
    ranges: tuple[tuple[int, Node], ...]
    nodes: tuple[Node, ...]

    @classmethod
    def read(cls, reply: Sequence[Any], asked: Node) -> SlotMap:
        """Read CLUSTER SLOTS, whose nodes may leave out their host: then it is that of the node `asked`."""
        found = sorted((int(first), int(last), [_node(one, asked) for one in nodes]) for first, last, *nodes in reply)
        masters = [nodes[0] for _, _, nodes in found]
        others = [node for _, _, nodes in found for node in nodes[1:]]
        return cls(
            firsts=tuple(first for first, _, _ in found),
            ranges=tuple((last, nodes[0]) for _, last, nodes in found),
            nodes=tuple(dict.fromkeys([*masters, *others])),
        )

    @property
    def masters(self) -> frozenset[Node]:
        """Every node that serves slots."""
        return frozenset(node for _, node in self.ranges)

    def master_of(self, slot: int) -> Node | None:
        """Who serves a slot; None where nobody does."""
        at = bisect_right(self.firsts, slot) - 1
        if at < 0:
            return None
        last, node = self.ranges[at]
        return node if slot <= last else None


def slot_of(command: Command) -> int | None:
    """The slot of a command's first key, which all its keys share; None where it has no key."""
    key = _key_of(command)
    if key is None:
        return None
    raw = key if isinstance(key, bytes) else str(key).encode()
    # What stands between the first pair of braces counts alone, unless it is nothing.
    start = raw.find(b"{")
    end = raw.find(b"}", start + 1) if start >= 0 else -1
    if end > start + 1:
        raw = raw[start + 1 : end]
    return crc_hqx(raw, 0) % SLOTS


def _key_of(command: Command) -> Any:
    name = command[0]
    if name in _SCRIPTS:
        return command[3] if command[2] else None
    if name in _KEYLESS:
        return None
    if name == "XREAD":
        return command[command.index("STREAMS") + 1]
    return command[1]


def _node(described: Sequence[Any], asked: Node) -> Node:
    host, port = described[0], described[1]
    named = host.decode() if host else ""
    return (named if named not in ("", "?") else asked[0], int(port))
