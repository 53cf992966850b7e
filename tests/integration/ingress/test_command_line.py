"""Commands that ask a server, against a real ingress: its answers, its errors, and connections that break."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from penstock.errors import EngineFailedError
from penstock.request import read
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import Serving
from tests.integration.ingress.shell import Done, begun, ended, line_to, on_terminal, run, shown, taken

NO_JOB = f"sim-{'0' * 24}"
#: What is before the id of a job in that of its answer.
PREFIXES = ["chatcmpl-", "cmpl-", "resp_"]


async def test_a_prompt_becomes_a_job_whose_id_is_printed(ingress: Serving, worker: FakeWorker) -> None:
    words = ["--system", "Be brief.", "--max-tokens", "9", "--class", "batch", "--metadata", "a=1", "--deadline", "60"]
    done = await run(ingress.port, "submit", "Hello", *words)
    hand = await worker.take()
    body: Any = read(hand.claimed.api, hand.claimed.body)
    job = (await ingress.client.get(f"/v1/jobs/{hand.held.job}")).json()

    assert (done.status, done.out, done.err) == (0, f"{hand.held.job}\n", "")
    assert [(message["role"], message["content"]) for message in body.messages] == [
        ("system", "Be brief."),
        ("user", "Hello"),
    ]
    assert (body.model, body.max_tokens) == ("sim", 9)
    assert (job["class"], job["metadata"]) == ("batch", {"a": "1"})


async def test_a_prompt_can_come_from_a_pipe_and_the_same_key_is_the_same_job(
    ingress: Serving, worker: FakeWorker
) -> None:
    one, same = [
        await run(ingress.port, "submit", "--idempotency-key", "k", "--json", typed="Hello\n") for _ in range(2)
    ]

    assert (one.status, same.status) == (0, 0)
    assert json.loads(one.out)["id"] == json.loads(same.out)["id"]
    assert json.loads(one.out)["state"] == "queued"


async def test_an_answer_is_printed_as_it_comes(ingress: Serving, worker: FakeWorker) -> None:
    process = await begun(ingress.port, "submit", "--wait", "Hello")
    hand = await taken(worker)
    await worker.say(hand, "He")
    await shown(process, "He")
    await worker.say(hand, "l", "lö")
    await shown(process, "llö")
    await worker.end(hand, "!")

    assert await ended(process) == Done(0, "!\n", "")


async def test_a_job_that_was_waited_for_is_one_document(ingress: Serving, worker: FakeWorker) -> None:
    process = await begun(ingress.port, "submit", "--wait", "--json", "Hello")
    await worker.end(await taken(worker), "Hello", " back")
    done = await ended(process)

    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["result"]["choices"][0]["message"]["content"] == "Hello back"


async def test_each_token_is_printed_once_though_connections_break(ingress: Serving, worker: FakeWorker) -> None:
    async with line_to(ingress.port) as line:
        process = await begun(line.port, "submit", "--wait", "Hello")
        hand = await taken(worker)
        for piece in ("one ", "two ", "three "):
            await worker.say(hand, piece)
            await shown(process, piece)
            connections = len(line.heads)
            line.cut()

            async def has_come_back(before: int = connections) -> bool:
                return len(line.heads) > before

            await until(has_come_back)
            await worker.answer_attach(hand)
        await worker.end(hand, "four")
        done = await ended(process)

    asked = [head.split(b"last-event-id: ")[1].split(b"\r\n")[0] for head in line.heads if b"last-event-id" in head]
    assert done == Done(0, "four\n", "")
    assert asked == [b"1", b"2", b"3"]


def length_of(head: bytes) -> int:
    """Of the content that follows a head."""
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


async def test_a_submission_whose_answer_is_lost_is_sent_again_and_is_one_job(
    ingress: Serving, worker: FakeWorker
) -> None:
    async def once_lost(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on a request; break instead of passing on the first answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(length_of(head)))
        there, onward = await asyncio.open_connection("127.0.0.1", ingress.port)
        onward.write(head + bodies[-1])
        answer = await there.readuntil(b"\r\n\r\n")
        if len(bodies) > 1:
            writer.write(answer + await there.readexactly(length_of(answer)))
            await writer.drain()
        writer.close()
        onward.close()

    bodies: list[bytes] = []
    async with await asyncio.start_server(once_lost, "127.0.0.1", 0) as server:
        done = await run(server.sockets[0].getsockname()[1], "submit", "--model", "sim", "Hello")

    assert done.status == 0, done.err
    assert bodies == [bodies[0]] * 2
    assert [job_id for _, _, job_id in await worker.waiting()] == [done.out.strip()]


async def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(ingress: Serving, worker: FakeWorker) -> None:
    process = await begun(ingress.port, "submit", "--wait", "Hello")
    hand = await taken(worker)
    await worker.say(hand, "one ", "two ")
    await shown(process, "one two ")
    process.send_signal(signal.SIGINT)
    done = await ended(process)
    first, events, cancel = done.err.splitlines()
    job_id = hand.held.job
    rest = await begun(ingress.port, *events.split("penstock ")[1].split())
    await worker.answer_attach(hand)
    await worker.end(hand, "three")

    assert done.status == 128 + signal.SIGINT
    assert first == f"penstock: Job {job_id} goes on."
    assert events.endswith(f"penstock jobs events {job_id} --after 2")
    assert cancel.endswith(f"penstock jobs cancel {job_id}")
    assert await ended(rest) == Done(0, "three\n", "")


async def test_a_job_that_fails_says_why_below_what_it_said(ingress: Serving, worker: FakeWorker) -> None:
    process = await begun(ingress.port, "submit", "--wait", "Hello")
    hand = await taken(worker)
    await worker.say(hand, "He")
    await shown(process, "He")
    await worker.fail(hand, EngineFailedError, "It broke.")
    done = await ended(process)

    assert (done.status, done.out) == (1, "\n")
    assert done.err == f"penstock: Job {hand.held.job} is failed: It broke.\n"


async def test_a_place_behind_the_end_is_told_when_that_is_known(ingress: Serving, worker: FakeWorker) -> None:
    job_id = (await run(ingress.port, "submit", "Hello")).out.strip()
    hand = await worker.take()
    process = await begun(ingress.port, "jobs", "events", "--after", "3000", job_id)
    await worker.answer_attach(hand)
    await worker.end(hand, "Hi")
    done = await ended(process)

    assert (done.status, done.out) == (1, "")
    assert "ended after event" in done.err


async def test_jobs_are_listed_narrowed_and_paged(ingress: Serving, worker: FakeWorker) -> None:
    ids = []
    for number in range(3):
        done = await run(ingress.port, "submit", "Hello", "--metadata", f"n={number}", "--class", "batch")
        ids.append(done.out.strip())
    listed, two, narrowed, none = [
        await run(ingress.port, "jobs", "list", "--json", *words)
        for words in (["--all"], ["--limit", "2"], ["--metadata", "n=1", "--state", "queued"], ["--class", "standard"])
    ]
    rows = await run(ingress.port, "jobs", "list")

    assert [job["id"] for job in listed.json] == ids[::-1]
    assert [job["id"] for job in two.json] == ids[:0:-1]
    assert [job["id"] for job in narrowed.json] == [ids[1]]
    assert none == Done(0, "", "")
    assert [row.split()[0] for row in rows.out.splitlines()] == ids[::-1]


async def test_on_a_terminal_who_lists_jobs_of_batches_is_told_where_they_are(ingress: Serving) -> None:
    told = await on_terminal(ingress.port, "jobs", "list", "--class", "batch")
    assert told.split("\r\n") == ["None.", "Lines of a batch are not in this list: penstock batch list.", ""]
    assert await on_terminal(ingress.port, "jobs", "list") == "None.\r\n"
    assert (await run(ingress.port, "jobs", "list", "--class", "batch")).out == ""


async def test_on_a_terminal_of_80_columns_a_job_is_a_line(ingress: Serving, worker: FakeWorker) -> None:
    job_id = (await run(ingress.port, "submit", "Hello", "--class", "interactive")).out.strip()
    told = await on_terminal(ingress.port, "jobs", "list")
    _, _, line, _ = told.split("\r\n")
    assert line.split()[:4] == [job_id, "queued", "interactive", "sim"]


async def test_a_job_is_shown_read_cancelled_and_erased(ingress: Serving, worker: FakeWorker) -> None:
    done, other = [(await run(ingress.port, "submit", "Hello")).out.strip() for _ in range(2)]
    hand = await worker.take()
    await worker.end(hand, "Hi")
    port = ingress.port
    shown_one = json.loads((await run(port, "jobs", "show", hand.held.job)).out)
    text = await run(port, "jobs", "events", hand.held.job)
    events = await run(port, "jobs", "events", "--json", "--after", "0", hand.held.job)
    cancelled = await run(port, "jobs", "cancel", done, other)
    erased = await run(port, "jobs", "purge", done, "--json")
    gone = await run(port, "jobs", "show", done)
    failed = await run(port, "jobs", "events", other)

    assert shown_one["state"] == "completed"
    assert text == Done(0, "Hi\n", "")
    assert events.json[0]["id"] == "1"
    assert events.json[-1]["data"] == "[DONE]"
    assert [row.split()[-1] for row in cancelled.out.splitlines()] == ["completed", "cancelled"]
    assert erased.json == [{"id": done, "object": "job", "deleted": True}]
    assert (gone.status, gone.err) == (1, f"penstock: There is no job {done!r}.\n")
    assert failed.status == 1
    assert failed.err.startswith(f"penstock: Job {other} is cancelled: ")


@pytest.mark.parametrize("word", ["cancel", "purge"])
async def test_what_cannot_be_done_to_one_job_is_done_to_the_others(
    ingress: Serving, worker: FakeWorker, word: str
) -> None:
    job = (await run(ingress.port, "submit", "Hello")).out.strip()
    rows = await run(ingress.port, "jobs", word, "sim-1", NO_JOB, f"chatcmpl-{job}")
    again = await run(ingress.port, "jobs", word, "--json", "sim-1", f"resp_{job}")

    assert (rows.status, rows.err, again.status, again.err) == (1, "", 1, "")
    wrong, unknown, done = rows.out.splitlines()
    assert wrong.startswith("sim-1  'sim-1' is no job id; ")
    assert unknown == f"{NO_JOB}  There is no job '{NO_JOB}'."
    assert done.split() == [job, {"cancel": "cancelled", "purge": "erased"}[word]]
    assert again.json[0]["error"]["message"].startswith("'sim-1' is no job id; ")
    # A job that was erased is there no more.
    assert again.json[1]["id"] == (job if word == "cancel" else f"resp_{job}")


async def test_the_id_of_an_answer_names_its_job(ingress: Serving, worker: FakeWorker) -> None:
    job = (await run(ingress.port, "submit", "Hello")).out.strip()
    found = [json.loads((await run(ingress.port, "jobs", "show", f"{one}{job}")).out)["id"] for one in PREFIXES]
    assert found == [job] * len(PREFIXES)


async def test_pools_are_listed_with_their_workers(ingress: Serving, worker: FakeWorker) -> None:
    await ingress.context.pool_watch.next_look()
    await ingress.context.pool_watch.next_look()
    once, pools = [await run(ingress.port, "top", word) for word in ("--once", "--json")]

    assert once.status == 0
    pool, _, shown_worker = once.out.splitlines()
    assert pool.split()[:2] == ["sim", "yes"]
    assert shown_worker.split()[:4] == ["sim", "w", "ready", "0/64"]
    assert [pool["id"] for pool in pools.json] == ["sim"]


async def test_usage_is_asked_for_by_days_and_groups(ingress: Serving) -> None:
    one = await run(ingress.port, "usage", "--from", "2026-01-01", "--to", "2026-01-02", "--group-by", "day,model")
    wrong = await run(ingress.port, "usage", "--from", "soon")

    assert one == Done(0, "", "")
    assert (wrong.status, wrong.err) == (2, "penstock: from is no day: 'soon'; write it as 2026-12-31.\n")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["submit", "--model", "other", "Hello"], 1, "other"),
        (["submit", "--class", "express", "Hello"], 2, "express"),
        (["submit", "--max-tokens", "0", "Hello"], 2, "max_tokens"),
        (["submit", "--metadata", "x", "Hello"], 2, "--metadata: 'x' is no KEY=VALUE."),
        (["submit", ""], 2, "The prompt is empty."),
        (["jobs", "list", "--state", "asleep"], 2, "asleep"),
        (["jobs", "events", NO_JOB], 1, f"There is no job '{NO_JOB}'."),
        (["jobs", "events", "sim-1"], 2, "'sim-1' is no job id; it looks like demo-"),
        (["jobs", "show", "../models"], 2, "'../models' is no job id; it looks like demo-"),
        (["jobs", "show", ""], 2, "'' is no job id; it looks like demo-"),
        (["usage", "--group-by", "tenant"], 2, "tenant"),
        (["top", "--url", "here"], 2, "--url: 'here' is no address"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_said_in_one_line(
    ingress: Serving, worker: FakeWorker, words: list[str], status: int, sentence: str
) -> None:
    done = await run(ingress.port, *words)

    assert (done.status, done.out) == (status, "")
    (line,) = done.err.splitlines()
    assert line.startswith("penstock: ")
    assert sentence in line


async def test_a_key_comes_from_the_environment(serve: Serve, worker: FakeWorker) -> None:
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    port = (await serve(api_keys=[{"name": "one", "tenant": "ada", "sha256": digest}])).port
    without, with_key = await run(port, "jobs", "list"), await run(port, "jobs", "list", PENSTOCK_API_KEY="secret")

    assert without.status == 1
    assert "PENSTOCK_API_KEY" in without.err
    assert with_key == Done(0, "", "")


async def test_an_address_with_tls_of_a_server_without_is_told(ingress: Serving) -> None:
    url = f"https://127.0.0.1:{ingress.port}"
    done = await run(ingress.port, "usage", "--url", url)
    assert done == Done(1, "", f"penstock: The server at {url} does not speak TLS: use http://.\n")


async def test_a_server_that_is_away_and_one_that_is_another_are_told(ingress: Serving) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        foreign = await run(port, "usage")
    away = await run(port, "usage")

    assert (foreign.status, away.status) == (1, 1)
    assert foreign.err.startswith(f"penstock: What answers at http://127.0.0.1:{port} (status 404) does not speak")
    assert away.err.startswith(
        f"penstock: No server answers at http://127.0.0.1:{port} (Connection refused): start one"
    )


async def test_a_subscription_is_enabled_again(ingress: Serving, worker: FakeWorker) -> None:
    made = json.loads((await run(ingress.port, "webhooks", "create", "https://example.com/hook")).out)
    done = await run(ingress.port, "webhooks", "enable", made["id"])
    missing = await run(ingress.port, "webhooks", "enable", "wh_nothing")

    assert done == Done(0, "", "")
    assert missing == Done(1, "", "penstock: There is no webhook 'wh_nothing'.\n")
