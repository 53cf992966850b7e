"""`penstock up` with the demo model on vLLM, as `make up` starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.acceptance.asking import ANSWERS, LONG, connected, says, text_of
from tests.harness.processes import free_port
from tests.harness.up import Up, builtin, curled, running
from tests.waiting import eventually, is_alive

QUESTION = "What is Penstock?"
ROLES = {"up", "redis", "ingress", "scheduler", "background", "host", "worker", "lease", "engine", "grammars"}


PARAMETERS = {
    "type": "object",
    "properties": {"warm": {"type": "boolean"}},
    "required": ["warm"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "weather", "strict": True, "parameters": PARAMETERS}}]


@pytest.fixture
def up() -> Iterator[Up]:
    with running(builtin("demo")) as it:
        yield it


def test_it_serves_what_it_promises_and_ends_everything_within_its_grace(up: Up) -> None:
    assert greeting(up).startswith(f"Penstock is ready on {up.url} (models: demo)")
    said = curled(up.log)
    assert said.startswith("data: {")
    assert said.endswith("data: [DONE]\n\n")

    second = penstock_up(up, PENSTOCK__INGRESS__PORT=str(free_port()))
    assert second.returncode == 2
    assert "another Penstock runs on" in second.stderr
    taken = penstock_up(up)
    assert taken.returncode == 2
    assert f"cannot listen on 127.0.0.1:{up.port}" in taken.stderr

    with connected(up.url) as client:
        # It has no parser for the model's tool calls: it answers in text, and calls what is demanded.
        asking: dict[str, Any] = {
            "model": "demo",
            "messages": says(QUESTION),
            "tools": TOOLS,
            "max_tokens": 100,
            "temperature": 0,
        }
        assert client.chat.completions.create(**asking).choices[0].message.content
        for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
            asking |= {"tool_choice": choice, "parallel_tool_calls": False, "frequency_penalty": 2.0}
            (call,) = client.chat.completions.create(**asking).choices[0].message.tool_calls
            assert isinstance(json.loads(call.function.arguments)["warm"], bool)
        with client.chat.completions.create(model="demo", messages=says(LONG), temperature=0, stream=True) as stream:
            next(stream)
            processes = pids(up)
            up.process.send_signal(signal.SIGTERM)
            assert text_of(stream) == ANSWERS[LONG]

    assert up.process.wait(30) == 0
    assert not [pid for pid in processes if is_alive(pid)]


def test_its_sudden_death_leaves_no_orphan(up: Up) -> None:
    assert set(up.by_role()) == ROLES
    processes = pids(up)
    up.process.kill()
    assert eventually(lambda: not any(map(is_alive, processes)), within_s=15)


def greeting(up: Up) -> str:
    assert eventually(lambda: "Penstock is ready" in up.log.read_text())
    text = up.log.read_text()
    return text[text.index("Penstock is ready") :]


def pids(up: Up) -> list[int]:
    top = psutil.Process(up.process.pid)
    return [process.pid for process in (top, *top.children(recursive=True))]


def penstock_up(up: Up, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", "up", "--config", str(up.config)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
