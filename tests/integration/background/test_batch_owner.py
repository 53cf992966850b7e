"""One process and its batches: what it does not wait for, and by whose clock it goes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from background.batches import owner
from background.batches.validating import validate
from background.batches.work import Work
from background.hand_over import HandOver
from penstock.batches.batch import BatchStatus
from penstock.broker import batches
from penstock.broker.keys import keys_of
from penstock.broker.records import record
from penstock.intake.batch_input import InputCheck
from penstock.lines import Line
from penstock.settings import EngineName, ModelSettings, PoolSettings, Settings, StorageSettings, WebhookSettings
from penstock.storage import open_storage
from tests.eventual import until
from tests.harness.batches import Batches, chat_line, encoded
from tests.integration.background.test_ledger_reader import Untouched
from tests.integration.open_broker import OpenBroker

SETTINGS = Settings(models={"sim": ModelSettings(pool="sim")}, pools={"sim": PoolSettings(engine=EngineName.SIMULATED)})


class Slow:
    """Lines that are looked at only when they may be."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()
        look = InputCheck.take

        def take(check: InputCheck, line: Line) -> None:
            self.has_begun.set()
            assert self.may_go_on.wait(10)
            look(check, line)

        patch.setattr(InputCheck, "take", take)

    async def begun(self) -> None:
        """Wait for the first one."""

        async def has_begun() -> bool:
            return self.has_begun.is_set()

        await until(has_begun)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow(monkeypatch)
    yield slow
    slow.may_go_on.set()


@pytest.fixture
async def made(broker: OpenBroker, data_dir: Path) -> AsyncIterator[Batches]:
    storage = open_storage(StorageSettings(url=str(data_dir)))
    yield Batches(broker, storage)
    await storage.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


LINES = encoded([chat_line(f"{number}") for number in range(1000)])


async def test_other_work_goes_on_while_lines_are_checked(made: Batches, slow: Slow) -> None:
    """Several files of 50,000 lines at once kept a process from renewing its leases."""
    id_ = await made.begin(LINES)
    await made.broker.run(batches.take("sim", id_, "t", 60_000))
    work = Work(made.broker, made.storage, SETTINGS, "sim", id_, "t")
    validating = asyncio.create_task(validate(work, await made.of(id_)))
    await slow.begun()
    slow.may_go_on.set()
    await validating
    assert ((await made.of(id_)).status, (await made.of(id_)).total) == (BatchStatus.IN_PROGRESS, 1000)


async def test_whoever_is_told_to_stop_does_not_read_a_file_to_its_end(
    made: Batches, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "_GRACE_S", 0.1)
    id_ = await made.begin(LINES)
    async with owning(made):
        await slow.begun()
    assert await made.broker.run(batches.take("sim", id_, "others", 60_000)) == "owned"


async def test_jobs_have_until_the_end_of_the_window_by_the_clock_of_redis(
    made: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is ahead would have them expire as soon as they wait."""
    here_s = time.time()
    monkeypatch.setattr(time, "time", lambda: here_s + 7200)
    monkeypatch.setattr(time, "time_ns", lambda: int((here_s + 7200) * 1e9))
    id_ = await made.begin(encoded([chat_line("a")]), window_ms=3_600_000)

    async def is_expanded() -> bool:
        return (await made.of(id_)).expanded == 1

    async with owning(made):
        await until(is_expanded)
    (job_id,) = await made.broker.ask(batches.open_lines("sim", id_))
    job = await made.broker.ask(record("sim", job_id))
    assert job is not None
    assert abs(job.deadline_ms - (await made.of(id_)).expires_ms) < 60_000


async def test_a_batch_that_was_created_is_taken_up_at_once(made: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    period_s, count = 2.0, 5
    monkeypatch.setattr(owner, "_EVERY_S", period_s)
    async with owning(made):
        await taken(made)
        begun_s = time.monotonic()
        for _ in range(count):
            await taken(made)
        # Each follows a look, so that without being woken each would wait for nearly a whole period.
        assert time.monotonic() - begun_s < count * period_s / 2


async def test_a_wake_up_that_is_lost_costs_the_period_and_no_more(
    made: Batches, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process got it, and was killed then."""
    monkeypatch.setattr(owner, "_EVERY_S", 0.5)
    key = keys_of("sim").batch_wake_up
    async with Redis(connection_pool=redis.connection_pool, single_connection_client=True) as killed:
        # Whoever waits first is served first.
        waiting = asyncio.ensure_future(killed.execute_command("BLPOP", key, 30))  # type: ignore[no-untyped-call]
        await until(partial(is_blocked, redis))
        async with owning(made):
            id_ = await made.begin(encoded([chat_line("a")]))
            await until(partial(is_taken, made, id_))
    assert waiting.done()
    assert await waiting == (key.encode(), b"1")


async def test_a_wake_up_list_of_another_type_holds_up_nothing_and_is_put_right(made: Batches, redis: Redis) -> None:
    key = keys_of("sim").batch_wake_up
    id_ = await made.begin(encoded([chat_line("a")]))
    await redis.delete(key)
    await redis.set(key, "of somebody else")
    async with owning(made):
        await until(partial(is_taken, made, id_))
        await taken(made)
    assert await redis.type(key) in (b"none", b"list")


async def is_blocked(redis: Redis) -> bool:
    """Whether somebody waits for a list."""
    return bool((await redis.info("clients"))["blocked_clients"])


async def is_taken(made: Batches, id_: str) -> bool:
    """Whether a process works on a batch, or did."""
    owned = await made.broker.ask(batches.owned("sim", id_))
    return owned is not None and owned.until_ms > 0


async def taken(made: Batches) -> str:
    """A new batch that a process has taken up."""
    id_ = await made.begin(encoded([chat_line("a")]))
    await until(partial(is_taken, made, id_))
    return id_


@asynccontextmanager
async def owning(made: Batches) -> AsyncIterator[None]:
    """This process works on batches."""
    hand_over = HandOver(made.broker, Untouched(), WebhookSettings())
    ours = owner.BatchOwner(made.broker, made.storage, SETTINGS, "sim", "us", hand_over)
    life = asyncio.create_task(ours.run())
    try:
        yield
    finally:
        ours.stop()
        await life
