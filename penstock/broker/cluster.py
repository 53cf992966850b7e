"""A Redis Cluster: round trips go to the nodes that serve their keys, wherever these are by now."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.broker.connections import Endpoint, Node
from penstock.broker.dialing import first_of, open_node
from penstock.broker.error_replies import LOST, ElsewhereError, NotNowError
from penstock.broker.errors import RedisError
from penstock.broker.link import Command, Link, ReplyTaker, raise_any
from penstock.broker.slots import SlotMap, slot_of

if TYPE_CHECKING:
    from penstock.broker.dialing import Deliver

#: A key moves once; it moves again while we follow if the cluster is being rearranged.
_MOST_HOPS = 5
_UP = b"cluster_state:ok"


class Cluster:
    """What one process knows of a cluster; its channels share it."""

    def __init__(self, endpoint: Endpoint, connect_s: float) -> None:
        self.endpoint = endpoint
        self.connect_s = connect_s
        #: None while it has to be learnt, at first or anew.
        self.slots: SlotMap | None = None
        self._known: tuple[Node, ...] = endpoint.nodes
        self._learning = asyncio.Lock()

    def channel(self) -> ClusterChannel:
        """A way of its own to every node."""
        return ClusterChannel(self)

    async def subscriber(self, deliver: Deliver) -> Link:
        """A subscriber's link to a node that is in touch with the others: it hears what is published at any of them.

        Raises one of LOST.
        """
        node, _ = await self._ask_around()
        return await open_node(self.endpoint, node, self.connect_s, deliver)

    def doubt(self, slots: SlotMap | None) -> None:
        """These slots were wrong, or may be: the next round trip learns them anew."""
        if self.slots is slots:
            self.slots = None

    async def learn(self) -> SlotMap:
        """The slots as a node that is in touch with the others tells them. Raises one of LOST."""
        async with self._learning:
            if self.slots is None:
                _, slots = await self._ask_around()
                # Those named at first stay known: the others may all have gone when these come back.
                self._known = tuple(dict.fromkeys([*slots.nodes, *self.endpoint.nodes]))
                self.slots = slots
            return self.slots

    async def _ask_around(self) -> tuple[Node, SlotMap]:
        return await first_of([partial(self._told_by, node) for node in self._known])

    async def _told_by(self, node: Node) -> tuple[Node, SlotMap]:
        link = await open_node(self.endpoint, node, self.connect_s)
        try:
            replies = await link.ask([("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")], self.connect_s)
        finally:
            link.close()
        raise_any(replies, RedisError)
        info, slots = replies
        if _UP not in info:
            raise NotNowError(f"The cluster is down, as {node[0]}:{node[1]} sees it.")
        return node, SlotMap.read(slots, node)


class ClusterChannel:
    """Links to the nodes of a cluster. Commands for one node go out together; to several, at the same time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._links: dict[Node, Link] = {}
        self._opening: defaultdict[Node, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        """As Channel.ask; a command that a node would not serve goes on to the node that it names."""
        replies: list[Any] = [None] * len(commands)
        due: Sequence[int] = range(len(commands))
        for _ in range(_MOST_HOPS):
            slots = self._cluster.slots or await self._cluster.learn()
            try:
                await self._ask_once(slots, commands, due, replies, timeout_s)
            except LOST:
                self._cluster.doubt(slots)
                raise
            if any(isinstance(replies[at], NotNowError) or _has_moved(replies[at]) for at in due):
                self._cluster.doubt(slots)
            due = [at for at in due if isinstance(replies[at], ElsewhereError)]
            if not due:
                return replies
        raise NotNowError("The cluster is being rearranged.")

    def begin(self, commands: Sequence[Command], timeout_s: float, answer: ReplyTaker) -> bool:
        """As Channel.begin; False also where the commands are for several nodes."""
        slots = self._cluster.slots
        node = _common_node(slots, commands) if slots is not None else None
        link = self._links.get(node) if node is not None else None
        if link is None or link.is_lost:
            return False
        link.send(commands, timeout_s, answer)
        return True

    async def close(self) -> None:
        """Close every connection."""
        for link in self._links.values():
            link.close()

    async def _ask_once(
        self, slots: SlotMap, commands: Sequence[Command], due: Sequence[int], replies: list[Any], timeout_s: float
    ) -> None:
        """Put the replies to the commands that are due in their places, redirections among them."""
        parts = _by_node(slots, commands, due, replies)
        links = await asyncio.gather(*map(self._link, parts))
        answers = await asyncio.gather(
            *(
                link.ask([word for at in part for word in _asking(commands[at], replies[at])], timeout_s)
                for link, part in zip(links, parts.values(), strict=True)
            )
        )
        for part, answer in zip(parts.values(), answers, strict=True):
            rest = iter(answer)
            for at in part:
                if _is_asking(replies[at]):
                    next(rest)
                replies[at] = next(rest)

    async def _link(self, node: Node) -> Link:
        link = self._links.get(node)
        if link is not None and not link.is_lost:
            return link
        async with self._opening[node]:
            link = self._links.get(node)
            if link is None or link.is_lost:
                link = self._links[node] = await open_node(self._cluster.endpoint, node, self._cluster.connect_s)
            return link


def _by_node(
    slots: SlotMap, commands: Sequence[Command], due: Sequence[int], replies: Sequence[Any]
) -> dict[Node, list[int]]:
    """The commands that are due, by the node that serves them: the one a redirection names, or the slot's master."""
    usual = _usual_node(slots, commands)
    parts: dict[Node, list[int]] = {}
    for at in due:
        reply = replies[at]
        node = reply.node if isinstance(reply, ElsewhereError) else _node_of(slots, commands[at], usual)
        parts.setdefault(node, []).append(at)
    return parts


def _common_node(slots: SlotMap, commands: Sequence[Command]) -> Node | None:
    """The node that serves all of the commands, if one does."""
    node = slots.master_of(slot_of(commands[0]) or 0)
    return node if all(slots.master_of(slot_of(command) or 0) == node for command in commands[1:]) else None


def _usual_node(slots: SlotMap, commands: Sequence[Command]) -> Node:
    """Where commands without a key go: with the others, whose keys they may be about (a clock, say)."""
    keyed = (slot_of(command) for command in commands)
    node = next((slots.master_of(slot) for slot in keyed if slot is not None), None)
    return node or slots.ranges[0][1]


def _node_of(slots: SlotMap, command: Command, usual: Node) -> Node:
    slot = slot_of(command)
    node = usual if slot is None else slots.master_of(slot)
    if node is None:
        raise NotNowError(f"No node of the cluster serves slot {slot}.")
    return node


def _asking(command: Command, reply: Any) -> tuple[Command, ...]:
    """A slot on its way is served by the node that gets it only where that is asked for each time."""
    return (("ASKING",), command) if _is_asking(reply) else (command,)


def _is_asking(reply: Any) -> bool:
    return isinstance(reply, ElsewhereError) and reply.is_asking


def _has_moved(reply: Any) -> bool:
    return isinstance(reply, ElsewhereError) and not reply.is_asking
