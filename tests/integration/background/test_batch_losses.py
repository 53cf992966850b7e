"""Background processes that are killed at every step of a batch: each line is in one of its files, once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.batches.batch import BatchStatus
from penstock.broker.connections import Endpoint
from penstock.settings import StorageSettings
from penstock.storage import open_storage
from tests.acceptance.simulation import expected
from tests.harness.batches import Batches, chat_line, encoded
from tests.harness.dying_background import BatchStep
from tests.harness.processes import launch
from tests.harness.stack import Stack, running
from tests.integration.open_broker import OpenBroker

LINES = 400
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but a background process."""
    folder = tmp_path_factory.mktemp("batches")
    with running(
        folder,
        {"slots": 64},
        ingresses=0,
        backgrounds=1,
        storage={"url": str(folder / "files")},
        batches={"lease_ttl_s": 0.5, "part_s": 0.2, "part_lines": 100},
        background={"tick_s": 0.02, "lease_ttl_s": 0.5},
    ) as stack:
        yield stack


@pytest.fixture
async def made(stack: Stack) -> AsyncIterator[Batches]:
    broker = OpenBroker(Endpoint.parse(stack.redis.url))
    storage = open_storage(StorageSettings(url=str(stack.folder / "files")))
    yield Batches(broker, storage)
    await storage.close()
    await broker.close()


async def died(stack: Stack, step: BatchStep) -> int:
    """The exit status of a background process that ends right before a step."""
    command = [sys.executable, "-m", "tests.harness.dying_background", str(stack.config), step]
    process = launch(command, {**os.environ, **stack.environment}, stack.folder / "died.log")
    return await asyncio.to_thread(process.wait, WITHIN_S)


@pytest.mark.parametrize("step", BatchStep)
async def test_a_process_that_is_killed_before_any_step_loses_repeats_and_changes_nothing(
    stack: Stack, made: Batches, step: BatchStep
) -> None:
    (other,) = stack.backgrounds
    other.stop(10.0)
    wanted = [f"{step} {number}" for number in range(LINES)]
    lines = [chat_line(one) for one in wanted]
    id_ = await made.begin(encoded([*lines, chat_line("wrong", "#sim:error_at=1")]))
    assert await died(stack, step) == -9
    other.start()
    batch = await made.ended(id_, WITHIN_S)
    done, (wrong,) = await made.lines(batch.output_file), await made.lines(batch.error_file)

    assert (batch.status, batch.completed, batch.failed) == (BatchStatus.COMPLETED, LINES, 1)
    assert sorted(line["custom_id"] for line in done) == sorted(wanted)
    assert all(
        line["response"]["body"]["choices"][0]["message"]["content"] == expected(line["custom_id"], max_tokens=4)
        for line in done
    )
    assert wrong["custom_id"] == "wrong"
    assert {name.split("/")[2].partition("-")[0] for name in await made.names()} == {"output", "errors"}
