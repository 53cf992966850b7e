"""Whatever comes between at any step of a batch, a kill, a cancel, a disk: each line is in one of its files, once."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.batches.batch import BatchStatus
from penstock.broker import batches
from penstock.broker.connections import Endpoint
from penstock.settings import StorageSettings
from penstock.storage import open_storage
from penstock.telemetry import events
from tests.acceptance.simulation import expected
from tests.harness.batches import Batches, chat_line, encoded
from tests.harness.dying_background import BatchStep
from tests.harness.processes import end, launch
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


@pytest.mark.parametrize(
    ("step", "reply", "status", "lines"),
    [
        (BatchStep.COPY_INPUT, "changed", BatchStatus.CANCELLED, 0),
        (BatchStep.BEGIN, "changed", BatchStatus.CANCELLED, 0),
        (BatchStep.MAKE_JOBS, "changed", BatchStatus.CANCELLED, LINES),
        (BatchStep.MAKE_MORE_JOBS, "changed", BatchStatus.CANCELLED, LINES),
        (BatchStep.RECORD_ANOTHER_PART, "changed", BatchStatus.CANCELLED, LINES),
        (BatchStep.FINALIZE, "changed", BatchStatus.CANCELLED, LINES),
        (BatchStep.RECORD_FILES, "moved", BatchStatus.COMPLETED, LINES),
        (BatchStep.END, "moved", BatchStatus.COMPLETED, LINES),
    ],
)
async def test_a_batch_that_is_cancelled_before_any_step_has_each_line_once(
    stack: Stack, made: Batches, step: BatchStep, reply: str, status: BatchStatus, lines: int
) -> None:
    (other,) = stack.backgrounds
    other.stop(10.0)
    wanted = [f"{step} {number}" for number in range(LINES)]
    id_ = await made.begin(encoded([chat_line(one) for one in wanted]))
    assert await died(stack, step) == -9
    assert await made.broker.run(batches.change("sim", id_, "", BatchStatus.CANCELLING)) == reply
    other.start()
    batch = await made.ended(id_, WITHIN_S)
    told = [*await made.lines(batch.output_file), *await made.lines(batch.error_file)]

    assert batch.status is status
    assert sorted(line["custom_id"] for line in told) == sorted(wanted[:lines])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=["full", "read-only", "broken"])
async def test_a_disk_that_fails_at_the_third_part_and_comes_back_loses_nothing(
    stack: Stack, made: Batches, number: int
) -> None:
    (other,) = stack.backgrounds
    other.stop(10.0)
    wanted = [f"{number} {line}" for line in range(LINES)]
    id_ = await made.begin(encoded([chat_line(one) for one in wanted]))
    command = [sys.executable, "-m", "tests.harness.failing_disk_background", str(stack.config), str(number)]
    log = stack.folder / f"disk-{number}.log"
    process = launch(command, {**os.environ, **stack.environment}, log)
    try:
        batch = await made.ended(id_, WITHIN_S)
    finally:
        end(process)
        other.start()

    assert sorted(line["custom_id"] for line in await made.lines(batch.output_file)) == sorted(wanted)
    told = log.read_text()
    assert (told.count(events.BATCH_HELD_UP), told.count(events.BATCH_GOES_ON)) == (1, 1)
