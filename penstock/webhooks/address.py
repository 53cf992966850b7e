"""Which addresses a webhook may be sent to: public ones, and those that the operator allows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: A gateway makes IPv4 addresses of these (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Private before `fc00::/7` was, and still used here and there (RFC 3879): `is_global` takes it for public.
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")


def networks_of(allowed: Iterable[str]) -> list[Network]:
    """The networks of `webhooks.allowed_networks`. Raises ValueError."""
    return [ipaddress.ip_network(network) for network in allowed]


def is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Whether a connection to an address may be made: it is public, or in one of the networks that are allowed."""
    inner = _inner(address)
    return any(one in network for one in (address, inner) for network in networks) or _is_public(inner)


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address in _SITE_LOCAL)


def _inner(address: Address) -> Address:
    """The IPv4 address that packets to an IPv6 address end at, where it stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
