"""Who may ask: anybody on this machine, or whoever has a key."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.acceptance.asking import JOB_ID, connected, job, says
from tests.acceptance.simulation import POOL, expected
from tests.harness.processes import ROOT
from tests.harness.up import Up, running

KEYS = {"red": "sk-red", "blue": "sk-blue"}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Up]:
    keys = [
        {"name": f"{tenant}'s", "tenant": tenant, "sha256": hashlib.sha256(key.encode()).hexdigest()}
        for tenant, key in KEYS.items()
    ]
    pool = {**POOL, "slots": 1, "lane_max_jobs": 1}
    config = {"models": {"sim": {"pool": "sim"}}, "pools": {"sim": pool}, "ingress": {"api_keys": keys}}
    with running(config) as up:
        yield up


@pytest.mark.parametrize("command", ["up", "ingress", "tokenizer"])
def test_without_keys_nothing_listens_beyond_this_machine(command: str) -> None:
    section = "tokenizer" if command == "tokenizer" else "ingress"
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", command, "--config", "simulated"],
        env={f"PENSTOCK__{section.upper()}__HOST": "0.0.0.0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 2
    assert f"{section}.host: 0.0.0.0 can be reached from other machines" in done.stderr
    assert "add a key" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("key", ["sk-green", hashlib.sha256(b"sk-red").hexdigest()])
def test_a_wrong_key_opens_nothing(guarded: Up, key: str) -> None:
    with connected(guarded.url, key) as client:
        for ask in (client.models.list, lambda: client.chat.completions.create(model="sim", messages=says("Hello"))):
            with pytest.raises(openai.AuthenticationError) as error:
                ask()
            assert error.value.code == "invalid_api_key"


def test_no_key_opens_nothing_but_the_probes(guarded: Up) -> None:
    assert httpx.get(f"{guarded.url}/v1/models").status_code == 401
    assert httpx.post(f"{guarded.url}/tokenize", json={"prompt": "Hello"}).status_code == 401
    assert [httpx.get(f"{guarded.url}{path}").status_code for path in ("/health", "/ready", "/metrics")] == [200] * 3


def test_a_tenant_sees_its_own_jobs_only(guarded: Up) -> None:
    with connected(guarded.url, KEYS["red"]) as red, connected(guarded.url, KEYS["blue"]) as blue:
        asking: dict[str, Any] = {
            "model": "sim",
            "max_tokens": 5,
            "extra_headers": {"Idempotency-Key": "the same for both"},
        }
        reds = red.chat.completions.with_raw_response.create(**asking, messages=says("red"))
        blues = blue.chat.completions.with_raw_response.create(**asking, messages=says("blue"))

        assert reds.parse().choices[0].message.content == expected("red", max_tokens=5)
        assert blues.parse().choices[0].message.content == expected("blue", max_tokens=5)
        assert job(red, reds.headers[JOB_ID])["state"] == "completed"
        with pytest.raises(openai.NotFoundError):
            job(blue, reds.headers[JOB_ID])
        with pytest.raises(openai.NotFoundError):
            blue.delete(f"/jobs/{reds.headers[JOB_ID]}", cast_to=object)


def test_a_tenants_full_queue_is_no_other_tenants_matter(guarded: Up) -> None:
    waiting: dict[str, Any] = {"model": "sim", "messages": says("waiting"), "max_tokens": 3}
    kept = {"x-penstock-keep": "true", "Idempotency-Key": "waiting"}
    with connected(guarded.url, KEYS["red"]) as red, connected(guarded.url, KEYS["blue"]) as blue:
        with red.chat.completions.create(model="sim", messages=says("running"), max_tokens=4000, stream=True) as stream:
            next(stream)
            for tenant in (red, blue):
                with pytest.raises(openai.APITimeoutError):
                    tenant.chat.completions.create(**waiting, timeout=0.5, extra_headers=kept)
            with pytest.raises(openai.RateLimitError):
                red.chat.completions.create(**waiting)
        answers = [tenant.chat.completions.create(**waiting, extra_headers=kept) for tenant in (red, blue)]

    assert [answer.choices[0].message.content for answer in answers] == [expected("waiting", max_tokens=3)] * 2
