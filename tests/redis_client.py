"""A redis-py client for whatever an endpoint leads to: what tests look at Redis with."""

from __future__ import annotations

from typing import Any, cast

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from penstock.broker.connections import Endpoint
from penstock.settings.kinds import RedisForm


def client_of(endpoint: Endpoint, *, timeout_s: float = 1.0) -> Redis:
    """A client that never retries by itself: a write may have happened although its reply was lost."""
    common: dict[str, Any] = {
        "socket_connect_timeout": timeout_s,
        "socket_timeout": timeout_s,
        "username": endpoint.username,
        "password": endpoint.password,
    }
    single = {**common, "db": endpoint.db, "retry": Retry(NoBackoff(), 0), "retry_on_timeout": False}
    if endpoint.form is RedisForm.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in endpoint.nodes]
        return cast("Redis", RedisCluster(startup_nodes=nodes, cluster_error_retry_attempts=1, **common))
    if endpoint.form is RedisForm.SENTINEL:
        guard = Sentinel(list(endpoint.nodes), socket_timeout=timeout_s)  # type: ignore[no-untyped-call]
        return cast("Redis", guard.master_for(endpoint.service, **single))
    if endpoint.form is RedisForm.UNIX:
        return Redis.from_pool(ConnectionPool(UnixDomainSocketConnection, path=endpoint.path, **single))
    host, port = endpoint.nodes[0]
    kind = SSLConnection if endpoint.tls else Connection
    return Redis.from_pool(ConnectionPool(kind, host=host, port=port, **single))
