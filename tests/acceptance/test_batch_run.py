"""A person with a file: `penstock batch run` against a server, and with a stack of its own, whatever interrupts it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.acceptance.simulation import POOL, expected
from tests.harness.batch_run import BatchRun, all_gone, family_of, local_url, told
from tests.harness.batches import chat_line, encoded
from tests.harness.up import Up, running

LINES = 240
CONFIG = {
    "models": {"sim": {"pool": "sim"}},
    "pools": {"sim": {**POOL, "workers": 2, "slots": 16}},
    "files": {"max_bytes": 100_000},
}
#: Long enough that it can be interrupted in its middle.
LONG = ["--max-tokens", "40"]


@pytest.fixture(scope="module")
def server() -> Iterator[Up]:
    """What a run goes to that has no stack of its own."""
    with running(CONFIG) as up:
        yield up


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A question per line."""
    path = tmp_path / "questions.txt"
    path.write_text("".join(f"Question {number}?\n" for number in range(LINES)))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


def answers(run: BatchRun) -> dict[str, str]:
    """Each answer by the name of its request, which no two lines share."""
    results = run.results
    found = {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in results}
    assert len(found) == len(results)
    return found


def wanted(max_tokens: int) -> dict[str, str]:
    """What the questions are answered with."""
    return {f"line-{number + 1}": expected(f"Question {number}?", max_tokens=max_tokens) for number in range(LINES)}


def batches_of(up: Up) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{up.url}/v1/batches?limit=100").json()["data"]
    return found


def files_of(up: Up) -> list[str]:
    """The names of the files that are kept."""
    return [file["filename"] for file in httpx.get(f"{up.url}/v1/files?limit=10000").json()["data"]]


def test_each_line_of_a_text_is_answered_in_its_order(server: Up, text: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), "--max-tokens", "4", "--ordered"], server.url)
    status, out, err = run.ended()

    assert (status, err) == (0, "")
    assert list(answers(run).items()) == list(wanted(4).items())
    assert out.splitlines()[-1] == f"Results: {run.output}"
    assert f"{LINES}/{LINES} lines" in out
    assert run.files == ["questions.txt", "results.jsonl", "results.jsonl.state.json"]


def test_what_is_done_is_not_done_again(server: Up, text: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), "--max-tokens", "4", "--quiet"], server.url)
    before = len(batches_of(server))
    assert run.ended() == (0, "", "")
    first = run.output.read_bytes()
    run.output.unlink()

    # Its results are still there to be fetched.
    assert run.ended() == run.ended() == (0, "", "")
    assert run.output.read_bytes() == first
    run.words.remove("--quiet")
    run.words.append("--ordered")
    assert run.ended() == (0, f"Results: {run.output} (already there: nothing was asked)\n", "")
    assert list(answers(run)) == list(wanted(4))
    assert len(batches_of(server)) == before + 1


def test_a_table_becomes_prompts_with_a_schema(server: Up, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('name,city\nAda,London\n"Grace ""Amazing""","New\nYork"\n')
    (tmp_path / "schema.json").write_text('{"type": "object", "properties": {"said": {"type": "string"}}}')
    words = [str(tmp_path / "people.csv"), "--prompt", "Greet {name} of {city}.", "--system", "Be brief."]
    run = BatchRun(tmp_path, [*words, "--schema", str(tmp_path / "schema.json"), "--temperature", "0"], server.url)

    assert run.ended()[0] in (0, 3)
    assert sorted(line["custom_id"] for line in run.results) == ["line-2", "line-3"]


def test_a_line_that_fails_has_its_error_in_the_same_file(server: Up, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(encoded([chat_line("good"), chat_line("bad", "#sim:error_at=2")]))
    run = BatchRun(tmp_path, [str(tmp_path / "in.jsonl"), "--ordered"], server.url)
    status, _, err = run.ended()

    assert (status, err) == (3, f"penstock: 1 request has no answer: {run.output} says why.\n")
    good, bad = run.results
    assert (good["custom_id"], good["response"]["status_code"], good["error"]) == ("good", 200, None)
    assert bad["custom_id"] == "bad"
    assert good.keys() == bad.keys() == {"id", "custom_id", "response", "error"}
    assert run.ended()[0] == 3


def test_mistakes_are_told_line_by_line_and_nothing_is_left_behind(server: Up, tmp_path: Path) -> None:
    given = tmp_path / "in.jsonl"
    given.write_bytes(encoded([chat_line("a"), chat_line("a"), chat_line("b", max_tokens=-1)]))
    before = files_of(server)
    run = BatchRun(tmp_path, [str(given)], server.url)
    status, _, err = run.ended()

    assert status == 1
    first, second, third = err.splitlines()
    assert first == f"penstock: {given} has mistakes, and nothing was run:"
    assert second.startswith("  line 2: duplicate_custom_id: ")
    assert third.startswith("  line 3: invalid_request: ")
    assert run.files == ["in.jsonl"]
    assert files_of(server) == before

    given.write_bytes(encoded([chat_line("a"), chat_line("b")]))
    assert run.ended()[0] == 0


def test_a_model_that_is_not_served_is_told_before_the_upload(server: Up, tmp_path: Path) -> None:
    given = tmp_path / "in.jsonl"
    given.write_bytes(encoded([chat_line("a", model="other")]))
    before = files_of(server)
    status, out, err = (run := BatchRun(tmp_path, [str(given)], server.url)).ended()

    assert (status, out) == (2, "")
    assert err == f"penstock: {given}, line 1: the model 'other' is not served; there is sim.\n"
    assert (run.files, files_of(server)) == (["in.jsonl"], before)


def test_what_a_server_refuses_leaves_nothing_behind(server: Up, tmp_path: Path) -> None:
    given = tmp_path / "in.txt"
    given.write_text("What? " * 20_000)
    run = BatchRun(tmp_path, [str(given), "--max-tokens", "4"], server.url)
    status, _, err = run.ended()

    assert (status, run.files) == (2, ["in.txt"])
    assert err == "penstock: The file is larger than 100000 bytes (files.max_bytes).\n"
    given.write_text("What?\n")
    assert run.ended()[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--prompt", "{txt}"], "--prompt: {txt} stands for nothing; there is {text}."),
        (["--model", "demo"], "--model: the model 'demo' is not served; there is sim."),
        (["--completion-window", "2h"], "--completion-window: '2h' is none of 7d, 24h, 4h, 1h."),
        (["--config", "demo"], "--config: it is for --local"),
        (["--local", "--url", "http://a"], "--local: it starts a server of its own"),
        (["--schema", "/none"], "--schema: /none: No such file or directory."),
    ],
)
def test_wrong_usage_is_told_before_anything_is_done(
    server: Up, text: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    run = BatchRun(tmp_path, [str(text), *words], server.url)
    status, out, err = run.ended()

    assert (status, out) == (2, "")
    assert err.startswith(f"penstock: {sentence}")
    assert run.files == ["questions.txt"]


def test_ctrl_c_leaves_the_batch_to_the_server_and_the_same_command_comes_back(
    server: Up, text: Path, tmp_path: Path
) -> None:
    run = BatchRun(tmp_path, [str(text), *LONG], server.url)
    process = run.start()
    run.wait_done(server.url, 20)
    status, err = told(process, signal.SIGINT)
    batch = run.state["batch"]

    assert status == 130
    assert err == (
        f"penstock: Batch {batch} goes on at {server.url}.\nIts results: run the same command again.\n"
        f"To cancel it: penstock batch cancel {batch}\n"
    )
    assert not run.output.exists()
    assert run.ended()[0] == 0
    assert run.state["batch"] == batch
    assert answers(run) == wanted(40)


def test_what_was_cancelled_has_its_answers_and_an_error_for_each_other_line(
    server: Up, text: Path, tmp_path: Path
) -> None:
    run = BatchRun(tmp_path, [str(text), *LONG], server.url)
    process = run.start()
    run.wait_done(server.url, 20)
    httpx.post(f"{server.url}/v1/batches/{run.state['batch']}/cancel", json={})
    _, err = process.communicate(timeout=120)

    assert process.returncode == 3
    assert err.decode().startswith(f"penstock: Batch {run.state['batch']} was cancelled; ")
    assert err.decode().endswith(f" requests have no answer: {run.output} says why.\n")
    errors = [line["error"] for line in run.results]
    assert sorted(line["custom_id"] for line in run.results) == sorted(wanted(40))
    assert 20 <= errors.count(None) < LINES
    assert {error["code"] for error in errors if error} == {"batch_cancelled"}


def test_killed_at_any_moment_and_run_again_there_is_one_batch_and_each_line_once(
    server: Up, text: Path, tmp_path: Path
) -> None:
    seed = time.time_ns()
    chance, before = random.Random(seed), len(batches_of(server))
    run = BatchRun(tmp_path, [str(text), *LONG, "--quiet"], server.url)
    for _ in range(12):
        process = run.start()
        with process:
            time.sleep(chance.uniform(0.1, 1.2))
            process.kill()
    assert run.ended() == (0, "", ""), f"seed {seed}"

    assert answers(run) == wanted(40)
    assert len(batches_of(server)) == before + 1
    assert run.files == ["questions.txt", "results.jsonl", "results.jsonl.state.json"]


def test_one_output_has_one_run_at_a_time(server: Up, text: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), *LONG], server.url)
    process = run.start()
    run.wait_done(server.url, 1)
    status, _, err = run.ended()

    assert status == 1
    assert "Another `penstock batch run` is at work on it" in err
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_another_input_for_the_same_output_is_refused(server: Up, text: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), "--max-tokens", "4"], server.url)
    assert run.ended()[0] == 0
    text.write_text("Another question?\n")
    status, _, err = run.ended()

    assert status == 2
    assert f"belongs to a run with another input ({run.output}.state.json)" in err
    assert f"To begin anew, delete {run.output}.state.json and {run.output}." in err
    assert len(run.results) == LINES


def test_a_run_outlives_its_servers_ingress(server: Up, text: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), *LONG], server.url)
    process = run.start()
    run.wait_done(server.url, 20)
    (ingress,) = server.by_role()["ingress"]
    ingress.kill()
    _, err = process.communicate(timeout=120)

    assert (process.returncode, err) == (0, b"")
    assert answers(run) == wanted(40)


def test_a_stack_is_there_for_one_run_and_leaves_results_alone(text: Path, config: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), "--max-tokens", "4", "--local", "--config", str(config)])
    process = run.start()
    local_url(process)
    pids = family_of(process)
    out, err = process.communicate(timeout=120)

    assert (process.returncode, err) == (0, b"")
    assert f"Starting Penstock; it writes to {run.output}.penstock/penstock.log" in out.decode()
    assert answers(run) == wanted(4)
    assert all_gone(pids)
    assert run.files == ["config.yaml", "questions.txt", "results.jsonl", "results.jsonl.state.json"]


def test_a_stack_does_nothing_for_a_run_that_was_given_up(text: Path, config: Path, tmp_path: Path) -> None:
    run = BatchRun(tmp_path, [str(text), *LONG, "--local", "--config", str(config)])
    process = run.start()
    run.wait_done(local_url(process), 20)
    told(process, signal.SIGINT)
    run.output.with_name("results.jsonl.state.json").unlink()
    text.write_text("One question?\n" * 40)
    process = run.start()
    url = local_url(process)
    run.wait_done(url, 1)
    found = httpx.get(f"{url}/v1/batches").json()["data"]
    out, err = process.communicate(timeout=120)

    assert [batch["id"] for batch in found] == [run.state["batch"]]
    assert (process.returncode, err) == (0, b"")
    assert f"To look at it: penstock top --url {url}" in out.decode()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stack_ends_with_its_command_and_goes_on_with_the_next(
    text: Path, config: Path, tmp_path: Path, sig: signal.Signals
) -> None:
    run = BatchRun(tmp_path, [str(text), *LONG, "--local", "--config", str(config)])
    process = run.start()
    run.wait_done(local_url(process), 20)
    pids, batch = family_of(process), run.state["batch"]
    status, err = told(process, sig)

    assert status == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[sig]
    assert len(pids) > 5
    assert all_gone(pids)
    if sig is not signal.SIGKILL:
        assert err.startswith("penstock: Penstock is being stopped, and what is done is kept")
    assert run.ended()[0] == 0
    assert run.state["batch"] == batch
    assert answers(run) == wanted(40)


def test_a_stack_whose_engine_does_not_come_up_is_given_up(text: Path, tmp_path: Path) -> None:
    failing = {**CONFIG, "pools": {"sim": {"engine": "simulated", "options": {"fail_start": True}}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(failing))
    run = BatchRun(tmp_path, [str(text), "--local", "--config", str(tmp_path / "config.yaml")])
    process = run.start()
    local_url(process)
    pids = family_of(process)
    _, err = process.communicate(timeout=120)

    assert process.returncode == 1
    assert err.decode().startswith(f"penstock: No worker of pool sim comes up ({run.output}.penstock/penstock.log): ")
    assert all_gone(pids)


def test_a_person_sees_a_bar(server: Up, text: Path, tmp_path: Path) -> None:
    ours, its = os.openpty()
    run = [sys.executable, "-m", "penstock.cli", "batch", "run", str(text), "-o", str(tmp_path / "out")]
    environ = {**os.environ, "PENSTOCK_URL": server.url, "TERM": "xterm-256color", "COLUMNS": "150"}
    with subprocess.Popen([*run, "--max-tokens", "4"], env=environ, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        while part := read(ours):
            shown += part
    os.close(ours)

    assert process.returncode == 0
    assert f"{LINES}/{LINES}".encode() in shown
    assert b"lines/s" in shown


def read(descriptor: int) -> bytes:
    """What is there; nothing once the other end is closed."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""
