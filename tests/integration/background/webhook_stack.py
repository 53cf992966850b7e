"""What a background process does, in the test's own: a ledger's reader, arq, and a tenant's webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from background.ledger_reader import LedgerReader
from background.tasks import Tasks
from penstock.broker import webhooks
from penstock.broker.contact import Contact
from penstock.settings import (
    BackgroundSettings,
    EngineName,
    ModelSettings,
    PoolSettings,
    RedisSettings,
    Settings,
    WebhookSettings,
)
from penstock.storage import open_storage
from penstock.webhooks.delivery import Delivery
from penstock.webhooks.request import Target, encode_target
from penstock.webhooks.signature import new_secret
from penstock.webhooks.subscription import Subscription
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool

TENANT = "acme"


def settings_for(url: str, **limits: Any) -> Settings:
    """Everything quick; receivers are on this machine."""
    quick = {"allowed_networks": ("127.0.0.0/8",), "retry_s": (0.05,) * 9, "timeout_s": 0.5}
    return Settings(
        models={POOL: ModelSettings(pool=POOL)},
        pools={POOL: PoolSettings(engine=EngineName.SIMULATED)},
        redis=RedisSettings(url=url),
        background=BackgroundSettings(lease_ttl_s=1.0, tick_s=0.02),
        webhooks=WebhookSettings.model_validate({**quick, **limits}),
    )


@asynccontextmanager
async def background(pool: Pool, settings: Settings, token: str = "background:1") -> AsyncIterator[Tasks]:
    """Reads the ledger and delivers, until the block is left."""
    parts = Tasks(pool.broker, open_storage(settings.storage), settings)
    reader = LedgerReader(pool.broker, Contact(pool.broker.address), POOL, settings.background, token, parts.hand_over)
    tasks = [asyncio.create_task(part.run()) for part in (parts, reader)]
    try:
        yield parts
    finally:
        reader.stop()
        parts.stop()
        await asyncio.gather(*tasks)


async def subscribed(pool: Pool, url: str, secret: str, **changes: Any) -> Subscription:
    """A standing subscription of the tenant."""
    fields: dict[str, Any] = {"id": f"wh_{new_secret()[6:14].encode().hex()}", "url": url, "secret": secret}
    made = Subscription(**{**fields, "created_ms": 1, **changes})
    assert await pool.broker.run(webhooks.put(changes.get("tenant", TENANT), None, made, 100)) == "put"
    return made


def job_webhook(url: str, secret: str) -> str:
    """The webhook of a job, as its record keeps it."""
    return encode_target(Target(url=url, secret=secret))


async def ended_job(pool: Pool, **changes: Any) -> str:
    """A job that completed."""
    held = await pool.running("w.1", **changes)
    await pool.finish("w.1", held)
    return held.job


async def deliveries(pool: Pool, tenant: str = TENANT) -> list[Delivery]:
    """All of the tenant's, oldest first."""
    places = await pool.broker.ask(webhooks.logged(tenant, newest_ms=None, skip=0, count=1000))
    found = [await pool.broker.ask(webhooks.delivery(tenant, name)) for _, name in reversed(places)]
    return [one for one in found if one is not None]


async def all_ended(pool: Pool, count: int, tenant: str = TENANT, within_s: float = 30.0) -> list[Delivery]:
    """Wait until so many deliveries have ended, and none is pending."""

    async def is_so() -> bool:
        found = await deliveries(pool, tenant)
        return len(found) >= count and all(one.ended_ms for one in found)

    await until(is_so, within_s)
    return await deliveries(pool, tenant)
