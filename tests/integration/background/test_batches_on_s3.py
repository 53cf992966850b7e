"""Batches whose files are in S3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.batches.batch import BatchStatus
from penstock.broker.connections import Endpoint
from penstock.settings import StorageSettings
from penstock.storage import open_storage
from tests.harness import s3_server
from tests.harness.batches import Batches, chat_line, encoded
from tests.harness.stack import running
from tests.integration.open_broker import OpenBroker


@pytest.fixture
async def made(data_dir: Path) -> AsyncIterator[Batches]:
    with s3_server.running(data_dir / "s3.log") as options:
        store = {"url": f"s3://{s3_server.BUCKET}/kept", "options": options}
        with running(data_dir, ingresses=0, backgrounds=1, storage=store, batches={"part_lines": 50}) as stack:
            broker, storage = OpenBroker(Endpoint.parse(stack.redis.url)), open_storage(StorageSettings(**store))
            yield Batches(broker, storage)
            await storage.close()
            await broker.close()


async def test_every_line_is_in_one_of_the_files(made: Batches) -> None:
    wanted = [f"{number}" for number in range(200)]
    lines = [*(chat_line(one) for one in wanted), chat_line("wrong", "#sim:error_at=1")]
    batch = await made.ended(await made.begin(encoded(lines)))

    assert (batch.status, batch.completed, batch.failed) == (BatchStatus.COMPLETED, 200, 1)
    assert sorted(line["custom_id"] for line in await made.lines(batch.output_file)) == sorted(wanted)
    assert [line["custom_id"] for line in await made.lines(batch.error_file)] == ["wrong"]
    assert {name.split("/")[2].partition("-")[0] for name in await made.names()} == {"output", "errors"}
