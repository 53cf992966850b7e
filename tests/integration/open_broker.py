"""A broker that tests can look behind."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from tests.redis_client import client_of


class OpenBroker(Broker):
    """A Broker that offers plain commands too."""

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = 1.0, patience_s: float = 0.0) -> None:
        super().__init__(endpoint, timeout_s=timeout_s, patience_s=patience_s)
        self._endpoint = endpoint

    @cached_property
    def client(self) -> Any:
        """A redis-py client; its annotations mix its two clients up."""
        return client_of(self._endpoint, timeout_s=self._timeout_s)

    async def close(self) -> None:
        await super().close()
        if "client" in vars(self):
            await self.client.aclose()
