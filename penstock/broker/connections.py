"""A Redis URL of any form, and where it leads."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, unquote_to_bytes, urlsplit

from penstock.errors import SettingsError
from penstock.settings.kinds import RedisForm
from penstock.settings.sections import SOCKET_PATH_BYTES

_LAST_PORT = 65535
#: Where a server listens: host and port.
Node = tuple[str, int]

_TLS = re.compile(r"^rediss(?=$|\+)")


@dataclass(frozen=True)
class Endpoint:
    """A parsed Redis URL."""

    form: RedisForm
    #: Several for Sentinel and Cluster.
    nodes: tuple[Node, ...] = ()
    tls: bool = False
    path: str = ""
    username: str | None = None
    password: str | None = None
    db: int = 0
    #: Sentinel's name of the master.
    service: str = ""

    @property
    def address(self) -> str:
        """Where it is, for people: a URL without a user and a password."""
        if self.form is RedisForm.UNIX:
            return f"{self.form}://{self.path}"
        scheme = self.form.replace("redis", "rediss", 1) if self.tls else self.form
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes)
        return "/".join(part for part in (f"{scheme}://{hosts}", self.service, str(self.db or "")) if part)

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read a URL of any form. Raises SettingsError.

        `redis://[user:password@]host:port/db`, `unix:///path?db=0`, `redis+sentinel://host:port,host:port/service[/db]`
        or `redis+cluster://host:port,host:port`; with TLS `rediss` in the place of `redis`.
        In each part %XX stands for a character that means something in a URL.
        """
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise SettingsError(f"redis.url: cannot read {_shown(url)!r}: {error}") from None
        try:
            form = RedisForm(_TLS.sub("redis", parts.scheme))
        except ValueError:
            known = ", ".join(f"{form}://" for form in RedisForm) + " (with TLS: rediss)"
            raise SettingsError(f"redis.url: unknown scheme in {_shown(url)!r}; use one of {known}") from None
        if parts.fragment:
            raise SettingsError("redis.url: '#' ends a URL; write it as %23 where it belongs to a password or a path")
        return _unix(parts, url) if form is RedisForm.UNIX else _network(form, parts, url)


def _unix(parts: SplitResult, url: str) -> Endpoint:
    if not parts.path:
        raise SettingsError("redis.url: unix:// needs the path of a socket, like unix:///run/redis.sock")
    options = dict(parse_qsl(parts.query))
    db = _number(options.pop("db", "0"), url)
    _refuse(options)
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise SettingsError(
            f"redis.url: the path of a socket has at most {SOCKET_PATH_BYTES} bytes; choose a shorter one"
        )
    return Endpoint(RedisForm.UNIX, path=path, db=db)


def _network(form: RedisForm, parts: SplitResult, url: str) -> Endpoint:
    _refuse(dict(parse_qsl(parts.query, keep_blank_values=True)))
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    nodes = tuple(_node(host, form, url) for host in hosts.split(",") if host)
    if not nodes:
        raise SettingsError(f"redis.url: {_shown(url)!r} names no host")
    path = [unquote(step) for step in parts.path.split("/") if step]
    service = ""
    if form is RedisForm.SENTINEL:
        if not path:
            raise SettingsError(f"redis.url: {_shown(url)!r} lacks the master's name: redis+sentinel://host:26379/NAME")
        service = path.pop(0)
    db = _number(path.pop(0), url) if path else 0
    if len(nodes) > 1 and form is RedisForm.SINGLE:
        raise SettingsError("redis.url: several hosts need redis+sentinel:// or redis+cluster://")
    if path or (db and form is RedisForm.CLUSTER):
        raise SettingsError(f"redis.url: {_shown(url)!r} goes on too long after its hosts")
    return Endpoint(
        form,
        nodes=nodes,
        tls=_TLS.match(parts.scheme) is not None,
        username=unquote(username) or None,
        password=unquote(password) or None,
        db=db,
        service=service,
    )


def _refuse(options: dict[str, str]) -> None:
    """Better than to start without what was asked for."""
    if options:
        raise SettingsError(f"redis.url: unknown option {next(iter(options))!r} after the question mark; leave it out")


def _node(host: str, form: RedisForm, url: str) -> Node:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "26379" if form is RedisForm.SENTINEL else "6379"
    number = _number(port, url)
    if not 0 < number <= _LAST_PORT:
        raise SettingsError(f"redis.url: {port} in {_shown(url)!r} is no port; give one from 1 to {_LAST_PORT}")
    return name.strip("[]"), number


def _number(value: str, url: str) -> int:
    if not value.isdecimal():
        raise SettingsError(f"redis.url: {value!r} in {_shown(url)!r} is not a number")
    return int(value)


def _shown(url: str) -> str:
    """The URL without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
