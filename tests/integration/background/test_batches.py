"""Batches from their input to their files, with all processes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from background.batches import reconciler
from background.batches.owner import BatchOwner
from background.hand_over import HandOver
from background.ledger_reader import LedgerReader
from penstock.batches.batch import BatchStatus
from penstock.batches.part import folder_of, input_name
from penstock.broker import batches, files, ledger, webhooks
from penstock.broker.connections import Endpoint
from penstock.broker.contact import Contact
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.files.file import Part
from penstock.settings import StorageSettings, WebhookSettings, load
from penstock.storage import open_storage
from penstock.telemetry import events
from penstock.usage import DAY_MS, day_of, usage_of
from penstock.webhooks.signature import new_secret
from penstock.webhooks.subscription import Subscription
from tests.acceptance.simulation import expected
from tests.eventual import until
from tests.harness.batches import TENANT, Batches, chat_line, encoded
from tests.harness.program import Program
from tests.harness.receiver import Receiver, receiving
from tests.harness.stack import Stack, running
from tests.integration.background.test_ledger_reader import Untouched
from tests.integration.open_broker import OpenBroker

#: A simulated engine that takes no time worth mentioning.
FAST = {"prefill_ms_base": 0.1, "prefill_us_per_token": 0.1, "itl_ms": 0.1}


def serving(folder: Path) -> AbstractContextManager[Stack]:
    """Two background processes and a pool, with files in this folder."""
    return running(
        folder,
        ingresses=0,
        backgrounds=2,
        storage={"url": str(folder / "files")},
        batches={"lease_ttl_s": 1.0, "part_s": 0.5, "part_lines": 50},
        background={"tick_s": 0.05},
        webhooks={"allowed_networks": ["127.0.0.0/8"]},
    )


@contextlib.asynccontextmanager
async def batches_of(stack: Stack) -> AsyncIterator[Batches]:
    broker = OpenBroker(Endpoint.parse(stack.redis.url))
    storage = open_storage(StorageSettings(url=str(stack.folder / "files")))
    yield Batches(broker, storage)
    await storage.close()
    await broker.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    """For tests that only run batches, each to its end."""
    with (
        tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        serving(Path(folder)) as stack,
    ):
        yield stack


@pytest.fixture
async def made(shared: Stack) -> AsyncIterator[Batches]:
    async with batches_of(shared) as made:
        yield made


@pytest.fixture
def stack(data_dir: Path) -> Iterator[Stack]:
    """For a test that breaks something, or counts what there is."""
    with serving(data_dir) as stack:
        yield stack


@pytest.fixture
async def own(stack: Stack) -> AsyncIterator[Batches]:
    async with batches_of(stack) as made:
        yield made


def names_of(lines: list[dict[str, object]]) -> list[str]:
    return sorted(str(line["custom_id"]) for line in lines)


async def test_every_line_is_answered_once(made: Batches) -> None:
    wanted = [f"line {number}" for number in range(300)]
    batch = await made.ended(await made.begin(encoded([chat_line(one) for one in wanted])))
    lines = await made.lines(batch.output_file)

    assert (batch.status, batch.total, batch.completed, batch.failed) == (BatchStatus.COMPLETED, 300, 300, 0)
    assert names_of(lines) == sorted(wanted)
    assert batch.error_file == ""
    assert batch.completion_tokens == sum(line["response"]["body"]["usage"]["completion_tokens"] for line in lines)


async def test_a_line_that_its_endpoint_refuses_is_in_the_error_file(made: Batches) -> None:
    lines = [chat_line("good"), chat_line("bad", content="#sim:error_at=2")]
    batch = await made.ended(await made.begin(encoded(lines)))
    (good,), (bad,) = await made.lines(batch.output_file), await made.lines(batch.error_file)

    assert (batch.status, batch.completed, batch.failed) == (BatchStatus.COMPLETED, 1, 1)
    assert good["response"]["status_code"] == 200
    assert bad["custom_id"] == "bad"
    assert bad["response"]["status_code"] >= 500
    assert bad["response"]["body"]["error"]["message"]


@pytest.mark.parametrize(
    ("content", "line", "code"),
    [
        (b"", None, "empty_file"),
        (b"\n \r\n", None, "empty_file"),
        (encoded([chat_line("a")]) + b"{nonsense\n", 2, "invalid_request"),
        (encoded([chat_line("a"), chat_line("a")]), 2, "duplicate_custom_id"),
        (encoded([chat_line("x" * 10_000)]), 1, "invalid_request"),
        (encoded([{**chat_line("a"), "url": "/v1/embeddings"}]), 1, "invalid_url"),
        (encoded([chat_line("a"), {**chat_line("b"), "url": "/v1/completions"}]), 2, "mismatched_endpoint"),
        (encoded([chat_line("a", model="gpt-5")]), 1, "model_not_found"),
        (encoded([{**chat_line("a"), "method": "GET"}]), 1, "invalid_method"),
        (encoded([chat_line("a", stream=True)]), 1, "invalid_request"),
        (b"\xff\xfe{}\n", 1, "invalid_request"),
    ],
)
async def test_wrong_input_fails_the_batch_before_anything_runs(
    made: Batches, content: bytes, line: int | None, code: str
) -> None:
    batch = await made.ended(await made.begin(content))

    assert batch.status is BatchStatus.FAILED
    assert (batch.errors[0].line, batch.errors[0].code) == (line, code)
    assert batch.ended_completed == batch.completed == 0
    assert [name for name in await made.names() if name.startswith(folder_of(batch.id))] == []


async def test_a_field_that_nobody_knows_is_told_and_changes_nothing(made: Batches) -> None:
    batch = await made.ended(await made.begin(encoded([chat_line("a", max_tokns=1), chat_line("b")])))
    assert (batch.status, batch.completed, list(batch.ignored)) == (BatchStatus.COMPLETED, 2, ["max_tokns"])


async def test_all_faults_are_told_up_to_a_hundred(made: Batches) -> None:
    batch = await made.ended(await made.begin(b"{}\n" * 300))
    assert [fault.line for fault in batch.errors] == list(range(1, 101))


async def test_blank_lines_a_byte_order_mark_and_other_line_ends_are_fine(made: Batches) -> None:
    content = b"\xef\xbb\xbf" + encoded([chat_line("a")]) + b"\r\n\n" + encoded([chat_line("b")]).strip() + b"\r\n"
    batch = await made.ended(await made.begin(content))
    assert names_of(await made.lines(batch.output_file)) == ["a", "b"]


async def test_a_batch_that_is_cancelled_has_every_line_in_one_of_its_files(made: Batches) -> None:
    wanted = [f"{number}" for number in range(400)]
    id_ = await made.begin(encoded([chat_line(one, max_tokens=20) for one in wanted]))
    await until(lambda: _has_ended(made, id_, 20))
    assert await made.broker.run(batches.change("sim", id_, "", BatchStatus.CANCELLING)) == "changed"
    batch = await made.ended(id_)
    done, others = await made.lines(batch.output_file), await made.lines(batch.error_file)

    assert batch.status is BatchStatus.CANCELLED
    assert len(done) == batch.completed >= 20
    assert sorted([*names_of(done), *names_of(others)]) == sorted(wanted)
    assert {line["error"]["code"] for line in others} == {"batch_cancelled"}


async def test_what_is_not_done_within_the_window_expires_line_by_line(made: Batches) -> None:
    # The processes have started when a first one is through.
    await made.ended(await made.begin(encoded([chat_line("first")])))
    wanted = [f"{number}" for number in range(1000)]
    # One in ten is done soon; the others take a minute in sum.
    lines = encoded([chat_line(one, max_tokens=1 if one.endswith("0") else 400) for one in wanted])
    batch = await made.ended(await made.begin(lines, window_ms=6000))
    done, others = await made.lines(batch.output_file), await made.lines(batch.error_file)

    assert batch.status is BatchStatus.EXPIRED
    assert done
    assert sorted([*names_of(done), *names_of(others)]) == sorted(wanted)
    assert {line["error"]["code"] for line in others} == {"batch_expired"}
    assert batch.late == len(others)


async def test_deleting_the_input_file_does_not_touch_a_batch_that_has_begun(made: Batches) -> None:
    wanted = [f"{number}" for number in range(300)]
    file = await made.upload(encoded([chat_line(one, max_tokens=20) for one in wanted]))
    id_ = await made.create(file.id)
    await until(lambda: _has_ended(made, id_, 1))
    await made.broker.run(files.delete(TENANT, file.id))
    await made.storage.delete(file.parts[0].name)
    batch = await made.ended(id_)

    assert names_of(await made.lines(batch.output_file)) == sorted(wanted)


async def test_a_batch_whose_input_file_is_gone_fails(made: Batches) -> None:
    batch = await made.ended(await made.create("file-of-nobody"))
    assert (batch.status, batch.errors[0].code) == (BatchStatus.FAILED, "input_file_missing")


async def test_processes_that_are_killed_lose_repeat_and_change_nothing(stack: Stack, own: Batches) -> None:
    wanted = [f"{number}" for number in range(1500)]
    id_ = await own.begin(encoded([chat_line(one) for one in wanted]))
    for round_ in range(6):
        await until(partial(_has_ended, own, id_, 200 * round_))
        killed = stack.backgrounds[round_ % 2]
        killed.send(signal.SIGKILL)
        killed.end(5.0)
        killed.start()
    batch = await own.ended(id_)
    done = await own.lines(batch.output_file)

    assert names_of(done) == sorted(wanted)
    assert await _jobs_that_ended(own) == len(wanted)
    assert {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in done} == {
        one: expected(one, max_tokens=4) for one in wanted
    }
    assert await own.broker.ask(batches.open_lines("sim", id_)) == {}
    wanted_names = {part.name for part in await _parts(own, batch.output_file)}
    assert set(await own.names()) == wanted_names


async def test_storage_that_is_away_holds_a_batch_up_and_loses_nothing(stack: Stack, own: Batches) -> None:
    wanted = [f"{number}" for number in range(300)]
    id_ = await own.begin(encoded([chat_line(one, max_tokens=20) for one in wanted]))
    folder = stack.folder / "files"
    await until(lambda: _has_recorded(own, id_, 50))
    away = folder.rename(stack.folder / "away")
    folder.write_text("no folder")
    await until(lambda: _is_told(stack, "batch.held_up"))
    folder.unlink()
    away.rename(folder)
    batch = await own.ended(id_)
    assert names_of(await own.lines(batch.output_file)) == sorted(wanted)


async def _has_ended(made: Batches, id_: str, count: int) -> bool:
    return (await made.of(id_)).ended_completed >= count


async def _has_recorded(made: Batches, id_: str, count: int) -> bool:
    return (await made.of(id_)).recorded >= count


async def _is_told(stack: Stack, event: str) -> bool:
    return any(event in program.log.read_text() for program in stack.backgrounds)


async def _parts(made: Batches, file_id: str) -> list[Part]:
    file = await made.broker.ask(files.file(TENANT, file_id))
    assert file is not None
    return list(file.parts)


async def test_a_process_that_is_paused_past_its_lease_writes_nothing_when_it_wakes(stack: Stack, own: Batches) -> None:
    wanted = [f"{number}" for number in range(600)]
    id_ = await own.begin(encoded([chat_line(one) for one in wanted]))
    await until(partial(_has_ended, own, id_, 50))
    (owner,) = [one for one in stack.backgrounds if f'"{id_}"' in one.log.read_text()]
    owner.send(signal.SIGSTOP)
    batch = await own.ended(id_)
    files_then = await own.names()
    owner.send(signal.SIGCONT)
    await until(lambda: _has_said(owner, events.BATCH_DISOWNED))

    assert names_of(await own.lines(batch.output_file)) == sorted(wanted)
    assert await own.names() == files_then
    assert await own.of(id_) == batch
    assert await _jobs_that_ended(own) == len(wanted)


async def test_a_process_that_is_told_to_stop_hands_its_batch_over_at_once(stack: Stack, own: Batches) -> None:
    wanted = [f"{number}" for number in range(600)]
    id_ = await own.begin(encoded([chat_line(one) for one in wanted]))
    await until(partial(_has_ended, own, id_, 50))
    (owner,) = [one for one in stack.backgrounds if f'"{id_}"' in one.log.read_text()]
    assert await asyncio.to_thread(owner.stop, 10.0) == 0
    batch = await own.ended(id_)
    assert names_of(await own.lines(batch.output_file)) == sorted(wanted)


async def test_receivers_are_told_of_a_batch_once_and_of_its_lines_never(own: Batches) -> None:
    with receiving(new_secret()) as receiver:
        subscription = Subscription(id="wh_all", url=receiver.url, secret=receiver.secret, created_ms=1)
        assert await own.broker.run(webhooks.put(TENANT, None, subscription, 10)) == "put"
        good = await own.ended(await own.begin(encoded([chat_line("a"), chat_line("b")])))
        bad = await own.ended(await own.begin(b"{}"))
        await until(lambda: _has_received(receiver, 2))

    told = {one.event["data"]["id"]: one.event for one in receiver.received}
    assert len(receiver.received) == 2
    assert told[good.id]["type"] == "batch.completed"
    assert told[good.id]["data"]["output_file_id"] == good.output_file
    assert told[bad.id]["type"] == "batch.failed"
    assert receiver.wrong == []


async def _has_received(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) >= count


async def _has_said(program: Program, event: str) -> bool:
    return event in program.log.read_text()


async def _jobs_that_ended(made: Batches) -> int:
    """By the ledger, of today and yesterday."""
    days = [day_of(time.time_ns() // 1_000_000 - ago) for ago in (0, DAY_MS)]
    stored = await made.broker.ask_many([ledger.usage("sim", day) for day in days])
    return sum(measures["jobs"] for of_day in stored for measures in usage_of(of_day).values())


async def test_a_tenant_with_many_batches_leaves_room_for_others(data_dir: Path) -> None:
    many = encoded([chat_line(f"{number}", max_tokens=50) for number in range(500)])
    async with alone(data_dir, {"lane_max_jobs": 20}) as (_, made):
        file = await made.upload(many)
        for _ in range(80):
            await made.create(file.id)
        other = await made.create((await made.upload(encoded([chat_line("only one")]), "other")).id, tenant="other")
        batch = await made.ended(other)
        assert (batch.status, batch.completed) == (BatchStatus.COMPLETED, 1)


async def test_a_batch_whose_record_is_lost_is_open_no_more(own: Batches) -> None:
    lost = await own.begin(encoded([chat_line(f"{number}", max_tokens=100) for number in range(200)]))
    await until(lambda: _has_ended(own, lost, 1))
    keys = keys_of("sim")
    await own.broker.ask(Query(("DEL", keys.batch(lost)), int))
    await until(lambda: _is_struck_off(own, lost))
    left = await own.broker.ask(Query(("EXISTS", keys.batch_open(lost), keys.batch_ends(lost)), int))
    assert left == 0
    assert (await own.ended(await own.begin(encoded([chat_line("next")])))).status is BatchStatus.COMPLETED


async def _is_struck_off(made: Batches, id_: str) -> bool:
    return id_ not in await made.broker.ask(batches.open_batches("sim"))


@pytest.mark.parametrize(
    ("pool", "count"),
    [({"slots": 64, "lane_max_jobs": 10}, 60), ({"slots": 1, "lane_max_jobs": 1, "options": FAST}, 5)],
)
async def test_a_lane_smaller_than_a_chunk_of_lines_is_large_enough(
    data_dir: Path, pool: dict[str, Any], count: int
) -> None:
    wanted = [f"{number}" for number in range(count)]
    async with alone(data_dir, pool) as (stack, made):
        batch = await made.ended(await made.begin(encoded([chat_line(one) for one in wanted])))
        assert names_of(await made.lines(batch.output_file)) == sorted(wanted)
        assert not await _is_told(stack, events.BATCH_HELD_UP)


async def test_a_line_that_no_lane_takes_is_in_the_error_file(data_dir: Path) -> None:
    lines = [chat_line("small"), chat_line("large", "x" * 5000), chat_line("too", "x" * 5000), chat_line("last")]
    async with alone(data_dir, {"lane_max_bytes": 1000}) as (_, made):
        batch = await made.ended(await made.begin(encoded(lines)))
        refused = await made.lines(batch.error_file)
        assert names_of(await made.lines(batch.output_file)) == ["last", "small"]
        assert names_of(refused) == ["large", "too"]
        assert {line["response"]["status_code"] for line in refused} == {413}
        # Those that follow each other are refused together.
        assert len(await _parts(made, batch.error_file)) == 1


@contextlib.asynccontextmanager
async def alone(folder: Path, pool: dict[str, Any]) -> AsyncIterator[tuple[Stack, Batches]]:
    """A stack with such a pool, and one background process."""
    with running(
        folder,
        pool,
        ingresses=0,
        backgrounds=1,
        storage={"url": str(folder / "files")},
        batches={"lease_ttl_s": 1.0, "part_s": 0.5, "part_lines": 50},
    ) as stack:
        async with batches_of(stack) as made:
            yield stack, made


async def test_storage_that_is_away_before_the_input_is_read_is_waited_for(stack: Stack, own: Batches) -> None:
    """A folder that is not mounted is an empty one."""
    file = await own.upload(encoded([chat_line("a")]))
    folder = stack.folder / "files"
    away = folder.rename(stack.folder / "away")
    id_ = await own.create(file.id)
    await until(lambda: _is_told(stack, events.BATCH_HELD_UP))
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)
    batch = await own.ended(id_)
    assert (batch.status, batch.completed) == (BatchStatus.COMPLETED, 1)


async def test_an_input_that_is_gone_is_made_again_of_its_file(made: Batches) -> None:
    """As after a restart of Redis that has lost a batch's end, with which its input was deleted."""
    wanted = [f"{number}" for number in range(3000)]
    id_ = await made.begin(encoded([chat_line(one, max_tokens=1) for one in wanted]))
    await until(lambda: _has_ended(made, id_, 1))
    await made.storage.delete(input_name(id_))
    batch = await made.ended(id_)
    assert names_of(await made.lines(batch.output_file)) == sorted(wanted)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_batch_whose_input_is_gone_for_good_ends(made: Batches, *, is_cancelled: bool) -> None:
    """Which lines it would have had nobody knows: it says how many, and keeps what was done."""
    wanted = [f"{number}" for number in range(3000)]
    file = await made.upload(encoded([chat_line(one, max_tokens=50) for one in wanted]))
    # Long enough for a first line to end, however busy the machine is, and too short for all.
    id_ = await made.create(file.id, window_ms=60_000 if is_cancelled else 10_000)
    await until(lambda: _has_ended(made, id_, 1))
    await made.broker.run(files.delete(TENANT, file.id))
    await made.storage.delete(file.parts[0].name)
    # Whoever has a block of it in memory would end with that.
    await made.storage.delete(input_name(id_))
    if is_cancelled:
        assert await made.broker.run(batches.change("sim", id_, "", BatchStatus.CANCELLING)) == "changed"
    batch = await made.ended(id_)
    told = [*await made.lines(batch.output_file), *await made.lines(batch.error_file)]

    assert batch.status is (BatchStatus.CANCELLED if is_cancelled else BatchStatus.EXPIRED)
    assert batch.errors[0].code == "input_lost"
    assert f"{batch.total - len(told)} requests" in batch.errors[0].message
    assert batch.completed + batch.failed == batch.total
    assert len(set(names_of(told))) == len(told)


@pytest.mark.parametrize("key", ["batch_open", "batch_parts"])
async def test_a_batch_that_redis_lost_a_part_of_says_so(made: Batches, key: str) -> None:
    short, long = [f"short {number}" for number in range(100)], [f"long {number}" for number in range(10)]
    lines = [*(chat_line(one) for one in short), *(chat_line(one, max_tokens=300) for one in long)]
    id_ = await made.begin(encoded(lines))
    await until(lambda: _is_under_way(made, id_))
    await made.broker.ask(Query(("DEL", getattr(keys_of("sim"), key)(id_)), int))
    batch = await made.ended(id_)
    told = [*await made.lines(batch.output_file), *await made.lines(batch.error_file)]

    assert len(told) < len(lines)
    assert [(one.code, one.message.split()[0]) for one in batch.errors] == [
        ("results_lost", str(len(lines) - len(told)))
    ]
    assert batch.completed + batch.failed == batch.total


async def _is_under_way(made: Batches, id_: str) -> bool:
    """All lines are jobs, and some are done."""
    batch = await made.of(id_)
    return batch.expanded == batch.total > batch.recorded > 0


async def test_results_leave_a_redis_that_is_full(own: Batches) -> None:
    """They may be what it is full of."""
    wanted = [f"{number}" for number in range(300)]
    id_ = await own.begin(encoded([chat_line(one, max_tokens=20) for one in wanted]))
    await until(lambda: _has_ended(own, id_, 1))
    await own.broker.ask(Query(("CONFIG", "SET", "maxmemory", 1), str))
    await until(lambda: _is_emptied(own, id_))
    await own.broker.ask(Query(("CONFIG", "SET", "maxmemory", 0), str))
    batch = await own.ended(id_)
    assert names_of(await own.lines(batch.output_file)) == sorted(wanted)


async def _is_emptied(made: Batches, id_: str) -> bool:
    batch = await made.of(id_)
    return 0 < batch.recorded == batch.expanded


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_job_that_cannot_be_read_keeps_no_batch_from_its_end(
    stack: Stack, own: Batches, monkeypatch: pytest.MonkeyPatch, *, is_cancelled: bool
) -> None:
    """As one whose key holds something else; the end of such a job is told to nobody."""
    for one in stack.backgrounds:
        await asyncio.to_thread(one.stop, 10.0)
    monkeypatch.setattr(reconciler, "_EVERY_S", 0.2)
    id_ = await own.begin(encoded([chat_line(f"{number}", max_tokens=40) for number in range(20)]))
    hand_over = HandOver(own.broker, Untouched(), WebhookSettings())
    settings = load(stack.config)
    ours = BatchOwner(own.broker, own.storage, settings, "sim", "us", hand_over)
    reader = LedgerReader(own.broker, Contact(own.broker.address), "sim", settings.background, "us", hand_over)
    lives = [asyncio.create_task(part.run()) for part in (ours, reader)]
    await until(lambda: _has_begun(own, id_))
    open_lines = await own.broker.ask(batches.open_lines("sim", id_))
    wrong = next(iter(open_lines))
    await own.broker.ask(Query(("SET", keys_of("sim").job(wrong), "something else"), str))
    if is_cancelled:
        await own.broker.run(batches.change("sim", id_, "", BatchStatus.CANCELLING))
    batch = await own.ended(id_)
    for part in (ours, reader):
        part.stop()
    await asyncio.gather(*lives)
    lines = [*await own.lines(batch.output_file), *await own.lines(batch.error_file)]
    assert names_of(lines) == sorted(f"{number}" for number in range(20))
    assert "result_lost" in {line["error"]["code"] for line in lines if line["error"]}


async def _has_begun(made: Batches, id_: str) -> bool:
    open_lines = await made.broker.ask(batches.open_lines("sim", id_))
    return len(open_lines) > 0
