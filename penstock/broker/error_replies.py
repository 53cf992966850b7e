"""What a Redis server refuses with, by what its caller can do about it."""

from __future__ import annotations

import re

from penstock.broker.connections import Node
from penstock.broker.errors import NoScriptError, OutOfMemoryError, RedisConnectionError, RedisError, RedisTimeoutError


class NotNowError(RedisError):
    """The server answers but does not serve, as it stands: a full disk, a replica too few, a password it wants now."""


class DataError(RedisError):
    """What a key holds is not what the command is for: the same command would fail again, and others would not."""


class ElsewhereError(RedisError):
    """Another node of the cluster serves the key: from now on, or (`is_asking`) this once, if it is asked to."""

    def __init__(self, text: str, node: Node, *, is_asking: bool) -> None:
        super().__init__(text)
        self.node = node
        self.is_asking = is_asking


#: A server that cannot answer, or (a replica by now) may not: the same command may succeed a moment later.
LOST = (RedisConnectionError, RedisTimeoutError, NotNowError, OSError)
#: Slot, host and port. A node that does not know its host leaves it out.
_ELSEWHERE = re.compile(r"(MOVED|ASK) \d+ (?P<host>[^ ?]+):(?P<port>\d+)")
#: Before Redis 7 a script's own error quotes that of its command.
_WRONG_DATA = re.compile(r"\b(WRONGTYPE|user_script|not an integer|not a valid float|out of range)\b")
_NOT_NOW = re.compile(r"\b(MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|READONLY|NOPERM|NOAUTH) ")


def error_of(text: str) -> RedisError:
    """The exception for an error reply; one that nobody expected is a server's that may be in order a moment later."""
    if elsewhere := _ELSEWHERE.match(text):
        node = (elsewhere["host"], int(elsewhere["port"]))
        return ElsewhereError(text, node, is_asking=text.startswith("ASK"))
    if text.startswith("NOSCRIPT"):
        return NoScriptError(text)
    if "OOM " in text:
        return OutOfMemoryError(text)
    if _WRONG_DATA.search(text) and not _NOT_NOW.search(text):
        return DataError(text)
    return NotNowError(text)
