from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from penstock.broker.connections import Endpoint
from penstock.settings import (
    EngineName,
    FileSettings,
    IngressSettings,
    ModelSettings,
    PoolSettings,
    RedisSettings,
    Settings,
    StorageSettings,
)
from penstock.settings.sections import StreamSettings
from tests.integration.ingress.fake_worker import POOL, FakeWorker
from tests.integration.ingress.serving import Serving, serving
from tests.integration.open_broker import OpenBroker


class Serve(Protocol):
    """Starts an ingress whose settings differ from the test's in some fields."""

    async def __call__(
        self,
        *,
        pool: dict[str, object] | None = None,
        streams: dict[str, object] | None = None,
        files: dict[str, object] | None = None,
        **ingress: object,
    ) -> Serving: ...


@pytest.fixture
def settings(redis_url: str, data_dir: Path) -> Settings:
    return Settings(
        models={"sim": ModelSettings(pool=POOL)},
        pools={POOL: PoolSettings(engine=EngineName.SIMULATED, options={"max_model_len": 4096})},
        redis=RedisSettings(url=redis_url),
        ingress=IngressSettings(drain_grace_s=0.5),
        storage=StorageSettings(url=str(data_dir / "files")),
    )


@pytest.fixture
async def serve(settings: Settings) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(
            *,
            pool: dict[str, object] | None = None,
            streams: dict[str, object] | None = None,
            files: dict[str, object] | None = None,
            **ingress: object,
        ) -> Serving:
            changed = settings.model_copy(
                update={
                    "pools": {POOL: PoolSettings.model_validate({**dict(settings.pools[POOL]), **(pool or {})})},
                    "streams": StreamSettings.model_validate(streams or {}),
                    "files": FileSettings.model_validate(files or {}),
                    "ingress": IngressSettings.model_validate({**dict(settings.ingress), **ingress}),
                }
            )
            return await stack.enter_async_context(serving(changed))

        yield start


@pytest.fixture
async def ingress(serve: Serve) -> Serving:
    """An ingress with the defaults."""
    return await serve()


@pytest.fixture
async def client(ingress: Serving) -> httpx.AsyncClient:
    return ingress.client


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[FakeWorker]:
    it = FakeWorker(OpenBroker(Endpoint.parse(redis_url)))
    await it.start()
    yield it
    await it.stop()
