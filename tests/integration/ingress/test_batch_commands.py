"""`penstock batch` against a real ingress; the test does what the process that works on batches would do."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.batches.batch import Batch, BatchFault, BatchStatus, encode_faults
from penstock.broker import batches, files
from penstock.broker.connections import Endpoint
from penstock.files.file import File, Part, Purpose
from penstock.settings import Settings, StorageSettings
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import POOL
from tests.integration.ingress.serving import Serving
from tests.integration.ingress.shell import begun, ended, line_to, run
from tests.integration.open_broker import OpenBroker

LINE = {"custom_id": "1", "method": "POST", "url": "/v1/completions", "body": {"model": "sim", "prompt": "Hello"}}
DONE = (BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.COMPLETED)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"storage": StorageSettings(url=str(tmp_path / "files"))})


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[OpenBroker]:
    broker = OpenBroker(Endpoint.parse(redis_url))
    yield broker
    await broker.close()


@pytest.fixture
def requests(tmp_path: Path) -> str:
    """The path of a file with one request."""
    path = tmp_path / "requests.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n")
    return str(path)


async def test_top_shows_the_batches_that_have_not_ended(ingress: Serving, broker: OpenBroker, requests: str) -> None:
    done, running = [(await run(ingress.port, "batch", "submit", requests)).out.strip() for _ in range(2)]
    await become(broker, done, *DONE)
    await become(broker, running, BatchStatus.IN_PROGRESS, total=7)
    rows = (await run(ingress.port, "top", "--once")).out.splitlines()
    listed = (await run(ingress.port, "top", "--json")).json
    await broker.run(batches.change(POOL, running, "", BatchStatus.CANCELLING))
    later = (await run(ingress.port, "top", "--once")).out.splitlines()

    assert [row.split() for row in rows[-2:]] == [[], [running, "in_progress", "0/7", "0"]]
    assert later[-1].split()[:2] == [running, "cancelling"]
    assert [(one["object"], one["id"]) for one in listed] == [("pool", POOL), ("batch", running)]


async def opened(broker: OpenBroker) -> list[Batch]:
    """The batches that somebody is to work on."""
    found = await broker.ask(batches.open_batches(POOL))
    return [batch for one in found if (batch := await broker.ask(batches.batch(POOL, one)))]


async def become(broker: OpenBroker, batch_id: str, *statuses: BatchStatus, **fields: str | int) -> None:
    await broker.run(batches.take(POOL, batch_id, "t", 60_000))
    for status in statuses:
        changed = await broker.run(batches.change(POOL, batch_id, "t", status, {"status": status, **fields}))
        assert changed == "changed"


async def made_file(ingress: Serving, broker: OpenBroker, name: str, content: bytes) -> str:
    """The id of a file as a batch makes it."""
    async with ingress.context.storage.write(name) as writer:
        await writer.write(content)
    file = File(
        id=f"file-{name}",
        tenant="default",
        filename=name,
        bytes=len(content),
        lines=1,
        purpose=Purpose.BATCH_OUTPUT,
        created_ms=1,
        expires_ms=0,
        parts=[Part(name, len(content))],
    )
    assert await broker.run(files.put("default", file)) == "put"
    return file.id


def hidden(folder: Path) -> list[Path]:
    """What was not to be left."""
    return list(folder.glob(".*"))


async def submitted(ingress: Serving, requests: str) -> str:
    """The id of a batch that was submitted."""
    done = await run(ingress.port, "batch", "submit", requests)
    assert (done.status, done.err) == (0, "")
    return done.out.strip()


async def test_a_file_becomes_a_batch_whose_id_is_printed(ingress: Serving, broker: OpenBroker, requests: str) -> None:
    words = ["--completion-window", "4h", "--metadata", "a=1", "--metadata", "b=2"]
    done = await run(ingress.port, "batch", "submit", requests, *words)
    (batch,) = await opened(broker)
    assert (done.status, done.out, done.err) == (0, f"{batch.id}\n", "")
    assert (batch.endpoint, batch.window, json.loads(batch.metadata)) == ("/v1/completions", "4h", {"a": "1", "b": "2"})
    file = await ingress.client.get(f"/v1/files/{batch.input_file}")
    content = await ingress.client.get(f"/v1/files/{batch.input_file}/content")
    assert file.json()["filename"] == "requests.jsonl"
    assert json.loads(content.text) == LINE


async def test_a_file_that_is_none_of_requests_is_not_sent(ingress: Serving) -> None:
    done = await run(ingress.port, "batch", "submit", __file__)
    assert (done.status, done.out) == (2, "")
    assert 'is no request with a "url"' in done.err
    assert (await ingress.client.get("/v1/files")).json()["data"] == []


async def test_what_the_server_refuses_is_said_in_its_words(ingress: Serving, requests: str) -> None:
    words = [word for number in range(17) for word in ("--metadata", f"{number}=x")]
    done = await run(ingress.port, "batch", "submit", requests, *words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("penstock: metadata ")


@pytest.mark.parametrize(("option", "value"), [("--completion-window", "2h"), ("--endpoint", "/v1/embeddings")])
async def test_a_wrong_choice_leaves_no_file_there(ingress: Serving, requests: str, option: str, value: str) -> None:
    done = await run(ingress.port, "batch", "submit", requests, option, value)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"penstock: {option}: {value!r} is none of ")
    assert (await ingress.client.get("/v1/files")).json()["data"] == []


async def test_a_batch_can_be_waited_for(ingress: Serving, broker: OpenBroker, requests: str) -> None:
    process = await begun(ingress.port, "batch", "submit", requests, "--wait")
    assert process.stdout is not None
    batch_id = (await process.stdout.readline()).decode().strip()
    await become(broker, batch_id, *DONE)
    done = await ended(process)
    assert (done.status, done.err) == (0, "")


async def test_a_batch_that_fails_while_it_is_waited_for_says_why(
    ingress: Serving, broker: OpenBroker, requests: str
) -> None:
    process = await begun(ingress.port, "batch", "submit", requests, "--wait")
    assert process.stdout is not None
    batch_id = (await process.stdout.readline()).decode().strip()
    fault = BatchFault(code="invalid_url", message="url is 'x'.", line=1)
    await become(broker, batch_id, BatchStatus.FAILED, errors=encode_faults([fault]).decode())
    done = await ended(process)
    assert (done.status, done.err) == (1, f"penstock: Batch {batch_id} is failed: line 1: url is 'x'.\n")


async def test_who_waits_no_longer_is_told_how_to_look_at_it(
    ingress: Serving, broker: OpenBroker, requests: str
) -> None:
    process = await begun(ingress.port, "batch", "submit", requests, "--wait")
    assert process.stdout is not None
    batch_id = (await process.stdout.readline()).decode().strip()
    process.send_signal(signal.SIGINT)
    done = await ended(process)
    assert (done.status, done.out) == (130, "")
    assert f"penstock batch status {batch_id}\n" in done.err
    assert f"penstock batch cancel {batch_id}\n" in done.err
    assert [one.status for one in await opened(broker)] == [BatchStatus.VALIDATING]


async def test_how_a_batch_stands_is_shown(ingress: Serving, broker: OpenBroker, requests: str) -> None:
    batch_id = await submitted(ingress, requests)
    await become(broker, batch_id, BatchStatus.IN_PROGRESS, total=9, model="sim", ended_completed=4, ended_failed=1)
    shown = await run(ingress.port, "batch", "status", batch_id)
    assert [line.split(maxsplit=1) for line in shown.out.splitlines()[:4]] == [
        ["Batch", batch_id],
        ["Status", "in_progress"],
        ["Requests", "4 of 9, 1 failed"],
        ["Model", "sim"],
    ]
    told = await run(ingress.port, "batch", "status", batch_id, "--json")
    assert json.loads(told.out) == (await ingress.client.get(f"/v1/batches/{batch_id}")).json()
    nothing = await run(ingress.port, "batch", "status", "batch_sim-0")
    assert (nothing.status, nothing.out) == (1, "")
    assert nothing.err == "penstock: There is no batch 'batch_sim-0', or none any more.\n"


async def test_batches_are_listed_newest_first(ingress: Serving, requests: str) -> None:
    made = [await submitted(ingress, requests) for _ in range(3)]
    everything = await run(ingress.port, "batch", "list", "--all", "--json")
    assert [one["id"] for one in everything.json] == made[::-1]
    some = await run(ingress.port, "batch", "list", "--limit", "2")
    assert [line.split()[:2] for line in some.out.splitlines()] == [[one, "validating"] for one in made[:0:-1]]


async def test_each_batch_is_cancelled_that_can_be(ingress: Serving, broker: OpenBroker, requests: str) -> None:
    over, one = [await submitted(ingress, requests) for _ in range(2)]
    await become(broker, over, *DONE)
    done = await run(ingress.port, "batch", "cancel", over, "batch_sim-0", one)
    assert (done.status, done.err) == (1, "")
    assert [line.split(maxsplit=1) for line in done.out.splitlines()] == [
        [over, f"Batch {over} is completed: there is nothing left to cancel."],
        ["batch_sim-0", "There is no batch 'batch_sim-0', or none any more."],
        [one, "cancelling"],
    ]


async def test_answers_and_errors_are_downloaded(
    ingress: Serving, broker: OpenBroker, requests: str, tmp_path: Path
) -> None:
    batch_id = await submitted(ingress, requests)
    unfinished = await run(ingress.port, "batch", "download", batch_id)
    assert (unfinished.status, unfinished.out) == (1, "")
    assert "is validating: it has files when it has ended" in unfinished.err
    names = {
        "output_file": await made_file(ingress, broker, "o", b'{"a":1}\n'),
        "error_file": await made_file(ingress, broker, "e", b'{"b":2}\n'),
    }
    await become(broker, batch_id, *DONE, **names)
    shown = await run(ingress.port, "batch", "download", batch_id)
    assert (shown.status, shown.out) == (0, '{"a":1}\n')
    assert shown.err == "penstock: Some requests have no answer: --errors FILE writes why.\n"
    output, errors = tmp_path / "o.jsonl", tmp_path / "e.jsonl"
    output.write_text("what was there before")
    written = await run(ingress.port, "batch", "download", batch_id, "-o", str(output), "--errors", str(errors))
    assert (written.status, written.out, written.err) == (0, "", "")
    assert (output.read_text(), errors.read_text()) == ('{"a":1}\n', '{"b":2}\n')
    assert not hidden(tmp_path)
    nowhere = await run(ingress.port, "batch", "download", batch_id, "-o", str(tmp_path / "no" / "o"))
    assert (nowhere.status, nowhere.err) == (2, f"penstock: {tmp_path}/no/o: No such file or directory.\n")


async def test_a_batch_without_answers_writes_none(
    ingress: Serving, broker: OpenBroker, requests: str, tmp_path: Path
) -> None:
    batch_id, output = await submitted(ingress, requests), tmp_path / "o.jsonl"
    await become(broker, batch_id, BatchStatus.FAILED)
    done = await run(ingress.port, "batch", "download", batch_id, "-o", str(output))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"penstock: Batch {batch_id} is failed, and none of its requests has an answer.\n"
    assert not output.exists()


async def test_a_download_goes_on_where_its_connection_was_cut(
    ingress: Serving, broker: OpenBroker, requests: str
) -> None:
    batch_id = await submitted(ingress, requests)
    content = b"".join(b'{"custom_id":"%08d"}\n' % number for number in range(600_000))
    await become(broker, batch_id, *DONE, output_file=await made_file(ingress, broker, "o", content))
    async with line_to(ingress.port) as line:
        process = await begun(line.port, "batch", "download", batch_id)
        assert process.stdout is not None
        first = await process.stdout.readexactly(1 << 20)
        line.cut()
        rest = await process.stdout.read()
        assert await process.wait() == 0
        assert any(b"\r\nrange: bytes=" in head for head in line.heads)
    assert first + rest == content


async def test_an_upload_that_was_cut_off_begins_again(serve: Serve, broker: OpenBroker, tmp_path: Path) -> None:
    ingress = await serve()
    path = tmp_path / "long.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n" + "\n" * 50_000_000)
    async with line_to(ingress.port) as line:
        process = await begun(line.port, "batch", "submit", str(path))

        async def is_under_way() -> bool:
            return bool(line.heads)

        await until(is_under_way)
        line.cut()
        done = await ended(process)
    assert (done.status, done.err) == (0, "")
    (batch,) = await opened(broker)
    assert done.out == f"{batch.id}\n"
    listed = (await ingress.client.get("/v1/files")).json()["data"]
    assert [file["bytes"] for file in listed] == [path.stat().st_size]
