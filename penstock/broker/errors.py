"""What goes wrong between this process and a Redis server.

The names are redis-py's, which is not imported: that would cost each process 17 MiB and a tenth of a second.
"""

from __future__ import annotations


class RedisError(Exception):
    """The server refused a command, or did not get it."""


class RedisConnectionError(RedisError):
    """The connection is lost; what became of the commands on it is not known."""


class RedisTimeoutError(RedisError):
    """The server did not answer in time."""


class InvalidResponseError(RedisError):
    """What came is not Redis' protocol."""


class NoScriptError(RedisError):
    """The server does not know the script of that digest."""


class OutOfMemoryError(RedisError):
    """The server is at its memory limit and takes nothing new."""
