"""How many attempts may be under way to one host and for one tenant, so that a receiver that hangs delays no other."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

#: An attempt that finds no room is tried again after this long at most: by then the host may be well again.
LONGEST_WAIT_S = 60.0
_SHORTEST_WAIT_S = 0.05
#: Of a new duration, in the mean.
_WEIGHT = 0.3
#: Hosts that are remembered; those with nothing under way are forgotten first.
_MOST_HOSTS = 10_000


@dataclass(slots=True)
class _Host:
    running: int = 0
    #: How long an attempt takes, on average.
    mean_s: float = 0.1
    has_timed_out: bool = False
    #: Those that found no room have been told to come back one after the other, the last of them then.
    booked_until_s: float = 0.0


class Destinations:
    """Who may make an attempt now. Times are seconds of a monotonic clock."""

    def __init__(self, *, per_host: int, per_tenant: int) -> None:
        self._per_host = per_host
        self._per_tenant = per_tenant
        self._hosts: dict[str, _Host] = {}
        self._tenants: dict[str, int] = {}

    def enter(self, url: str, tenant: str, now_s: float) -> float:
        """0 if an attempt may begin, which `leave` then ends; else after how many seconds to ask again."""
        name = _host_of(url)
        host = self._hosts.get(name)
        if host is None:
            self._forget_some()
            host = self._hosts[name] = _Host()
        limit = 1 if host.has_timed_out else self._per_host
        if host.running < limit and self._tenants.get(tenant, 0) < self._per_tenant:
            host.running += 1
            self._tenants[tenant] = self._tenants.get(tenant, 0) + 1
            return 0.0
        host.booked_until_s = max(host.booked_until_s, now_s) + host.mean_s / limit
        return min(max(host.booked_until_s - now_s, _SHORTEST_WAIT_S), LONGEST_WAIT_S)

    def leave(self, url: str, tenant: str, took_s: float, *, has_timed_out: bool) -> None:
        """An attempt has ended."""
        host = self._hosts[_host_of(url)]
        host.running -= 1
        host.mean_s += _WEIGHT * (took_s - host.mean_s)
        if host.has_timed_out and not has_timed_out:
            # It is well again: whoever asks next need not wait for those who were told to come later.
            host.mean_s, host.booked_until_s = took_s, 0.0
        host.has_timed_out = has_timed_out
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]

    def _forget_some(self) -> None:
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts = {name: host for name, host in self._hosts.items() if host.running}


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()
