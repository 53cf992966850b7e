"""A Redis URL of any form, and where it leads."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from penstock.errors import SettingsError


class Form(enum.StrEnum):
    """How the servers are arranged."""

    SINGLE = "redis"
    TLS = "rediss"
    UNIX = "unix"
    SENTINEL = "redis+sentinel"
    CLUSTER = "redis+cluster"


@dataclass(frozen=True)
class Endpoint:
    """A parsed Redis URL."""

    form: Form
    #: Host and port; several for Sentinel and Cluster.
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    username: str | None = None
    password: str | None = None
    db: int = 0
    #: Sentinel's name of the master.
    service: str = ""

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read a URL of any form. Raises SettingsError.

        `redis://[user:password@]host:port/db`, `rediss://…`, `unix:///path?db=0`,
        `redis+sentinel://host:port,host:port/service[/db]` or `redis+cluster://host:port,host:port`.
        """
        parts = urlsplit(url)
        try:
            form = Form(parts.scheme)
        except ValueError:
            known = ", ".join(f"{form}://" for form in Form)
            raise SettingsError(f"redis.url: unknown scheme in {_shown(url)!r}; use one of {known}") from None
        return _unix(parts, url) if form is Form.UNIX else _network(form, parts, url)


def _unix(parts: SplitResult, url: str) -> Endpoint:
    if not parts.path:
        raise SettingsError("redis.url: unix:// needs the path of a socket, like unix:///run/redis.sock")
    options = dict(parse_qsl(parts.query))
    db = _number(options.pop("db", "0"), url)
    _refuse(options)
    return Endpoint(Form.UNIX, path=parts.path, db=db)


def _network(form: Form, parts: SplitResult, url: str) -> Endpoint:
    _refuse(dict(parse_qsl(parts.query, keep_blank_values=True)))
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    nodes = tuple(_node(host, form, url) for host in hosts.split(",") if host)
    if not nodes:
        raise SettingsError(f"redis.url: {_shown(url)!r} names no host")
    path = [unquote(step) for step in parts.path.split("/") if step]
    service = ""
    if form is Form.SENTINEL:
        if not path:
            raise SettingsError(f"redis.url: {_shown(url)!r} lacks the master's name: redis+sentinel://host:26379/NAME")
        service = path.pop(0)
    db = _number(path.pop(0), url) if path else 0
    if len(nodes) > 1 and form in (Form.SINGLE, Form.TLS):
        raise SettingsError("redis.url: several hosts need redis+sentinel:// or redis+cluster://")
    if path or (db and form is Form.CLUSTER):
        raise SettingsError(f"redis.url: {_shown(url)!r} goes on too long after its hosts")
    return Endpoint(
        form,
        nodes=nodes,
        username=unquote(username) or None,
        password=unquote(password) or None,
        db=db,
        service=service,
    )


def _refuse(options: dict[str, str]) -> None:
    """Better than to start without what was asked for."""
    if options:
        raise SettingsError(f"redis.url: unknown option {next(iter(options))!r} after the question mark; leave it out")


def client_of(endpoint: Endpoint, *, connect_s: float = 1.0, timeout_s: float | None = 1.0) -> Redis:
    """A redis-py client. It never retries by itself: a write may have happened although its reply was lost."""
    common: dict[str, Any] = {
        "socket_connect_timeout": connect_s,
        "socket_timeout": timeout_s,
        "username": endpoint.username,
        "password": endpoint.password,
    }
    single = {**common, "db": endpoint.db, "retry": Retry(NoBackoff(), 0), "retry_on_timeout": False}
    if endpoint.form is Form.CLUSTER:
        host, port = endpoint.nodes[0]
        return cast("Redis", RedisCluster(host=host, port=port, cluster_error_retry_attempts=1, **common))
    if endpoint.form is Form.SENTINEL:
        return cast("Redis", _sentinel(endpoint, connect_s).master_for(endpoint.service, **single))
    if endpoint.form is Form.UNIX:
        return Redis.from_pool(ConnectionPool(UnixDomainSocketConnection, path=endpoint.path, **single))
    host, port = endpoint.nodes[0]
    kind = SSLConnection if endpoint.form is Form.TLS else Connection
    return Redis.from_pool(ConnectionPool(kind, host=host, port=port, **single))


async def master_of(endpoint: Endpoint, *, timeout_s: float = 1.0) -> tuple[str, int]:
    """Where Sentinel says that the master is. Raises RedisError."""
    guard = _sentinel(endpoint, timeout_s)
    try:
        host, port = await guard.discover_master(endpoint.service)
    finally:
        for client in guard.sentinels:
            await client.aclose()
    return str(host), int(port)


def _sentinel(endpoint: Endpoint, timeout_s: float) -> Sentinel:
    return Sentinel(list(endpoint.nodes), socket_timeout=timeout_s)  # type: ignore[no-untyped-call]


def _node(host: str, form: Form, url: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "26379" if form is Form.SENTINEL else "6379"
    return name.strip("[]"), _number(port, url)


def _number(value: str, url: str) -> int:
    if not value.isdecimal():
        raise SettingsError(f"redis.url: {value!r} in {_shown(url)!r} is not a number")
    return int(value)


def _shown(url: str) -> str:
    """The URL without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
