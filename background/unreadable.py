"""Tenants of whom something cannot be read: passed over, and told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import BrokerDataError
from penstock.telemetry import logs

_log = logs.get()


class UnreadableTenants:
    """Those of one kind of work; `event` is what the log calls it."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._tenants = set[str]()

    @contextmanager
    def of(self, tenant: str) -> Iterator[None]:
        """Do a tenant's part of the work, as far as it can be read."""
        try:
            yield
        except BrokerDataError as error:
            self.met(tenant, error)
        else:
            self.read(tenant)

    def met(self, tenant: str, error: Exception) -> None:
        """Something of a tenant cannot be read: told unless it was, and nothing was read since."""
        if tenant not in self._tenants:
            self._tenants.add(tenant)
            _log.error(self._event, tenant=tenant, why=str(error))

    def read(self, tenant: str) -> None:
        """All of a tenant could be read."""
        self._tenants.discard(tenant)
