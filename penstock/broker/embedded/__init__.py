"""The Redis server that Penstock starts itself: which one, on which data, and its life."""

from penstock.broker.embedded.binary import ServerBinary, find_server, servers_on_path, wheel_server
from penstock.broker.embedded.process import EmbeddedRedis

__all__ = ["EmbeddedRedis", "ServerBinary", "find_server", "servers_on_path", "wheel_server"]
