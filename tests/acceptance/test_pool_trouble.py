"""Every key of one pool, deleted or of another type: that pool recovers, and its neighbour does not notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from penstock.broker.keys import PoolKeys
from penstock.job import pool_of
from tests.acceptance.asking import JOB_ID
from tests.acceptance.events import asked, text
from tests.acceptance.simulation import POOL, expected
from tests.harness.up import Up, running
from tests.waiting import eventually

SIM, TWO = "sim", "two"
KEYS = PoolKeys(TWO)
#: What a neighbour's request may take that needs a fraction of it.
AT_ONCE_S = 2.0
#: How long a key is wrong: for several turns of everything that works in turns.
WRONG_S = 0.7
TOKENS = 80


@pytest.fixture(scope="module")
def pools() -> Iterator[Up]:
    """Two pools that have Redis, ingress and scheduler in common."""
    two = {**POOL, "workers": 1, "slots": 2}
    config = {
        "models": {name: {"pool": name} for name in (SIM, TWO)},
        "pools": {SIM: {**POOL, "workers": 1}, TWO: two},
        "scheduler": {"reconcile_s": 1.0},
    }
    with running(config) as up:
        yield up


@pytest.fixture(scope="module")
def inside(pools: Up) -> Iterator[Any]:
    """Redis, seen from inside; redis-py's types are those of its two clients at once."""
    with redis.Redis.from_url(pools.redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def undisturbed(pools: Up) -> Iterator[None]:
    """Nothing of what all pools share may end, or be lost for words."""
    before, said = _shared(pools), len(pools.log.read_text())
    yield
    assert _shared(pools) == before
    lines = pools.log.read_text()[said:].splitlines()
    # A worker whose own keys are wrong may end, and says by what.
    assert not [line for line in lines if "Traceback" in line and '"role": "worker"' not in line]


def _shared(up: Up) -> dict[str, list[int]]:
    return {role: [one.pid for one in up.by_role()[role]] for role in ("redis", "ingress", "scheduler")}


def ask(up: Up, model: str, content: str, *, max_tokens: int = 4, timeout_s: float = 30) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": max_tokens}
    return httpx.post(f"{up.url}/v1/chat/completions", json=body, timeout=timeout_s)


def is_answered(up: Up, model: str) -> bool:
    try:
        answer = ask(up, model, "hello", timeout_s=AT_ONCE_S)
    except httpx.TimeoutException:
        return False
    return answer.status_code == 200 and content(answer) == expected("hello", max_tokens=4)


def content(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def key_of(inside: Any, name: str) -> str:
    """A key of pool two as it is called just now."""
    (instance,) = [one.decode() for one in inside.hvals(KEYS.workers)]
    of_instance = {"worker": KEYS.worker, "inbox": KEYS.inbox, "control": KEYS.control, "journal": KEYS.journal}
    if name in of_instance:
        return of_instance[name](instance)
    return KEYS.lane("interactive:default") if name == "lane" else str(getattr(KEYS, name))


COMMON = [
    "lane",
    "lane_counts",
    "lane_bytes",
    "live",
    "wake_up",
    "leader",
    "settings",
    "epochs",
    "workers",
    "instances",
]
OF_INSTANCE = ["worker", "inbox", "control", "journal"]


def spoil(inside: Any, key: str, how: str) -> bytes | None:
    """Delete a key, or put something of another type in its place; returns what was put there."""
    inside.delete(key)
    if how == "deleted":
        return None
    if key in (KEYS.leader, KEYS.settings, KEYS.epochs):
        inside.hset(key, "of another", "type")
    else:
        inside.set(key, "of another type")
    return bytes(inside.dump(key))


@pytest.mark.parametrize("how", ["deleted", "of another type"])
@pytest.mark.parametrize("name", [*COMMON, *OF_INSTANCE, "dead_letters"])
def test_a_key_that_is_gone_or_wrong_is_one_pools_matter(pools: Up, inside: Any, name: str, how: str) -> None:
    assert eventually(lambda: is_answered(pools, TWO))
    key = key_of(inside, name)
    with asked(pools.url, {"model": SIM, "messages": _says("neighbour"), "max_tokens": TOKENS}) as stream:
        (first,) = stream.take(1)
        wrong = spoil(inside, key, how)
        with ThreadPoolExecutor() as others:
            others.submit(is_answered, pools, TWO)
            until_s = time.monotonic() + WRONG_S
            while time.monotonic() < until_s:
                assert is_answered(pools, SIM)
        if wrong is not None and inside.dump(key) == wrong:
            inside.delete(key)
        assert text([first, *stream.rest()]) == expected("neighbour", max_tokens=TOKENS)

    assert eventually(lambda: is_answered(pools, TWO))
    assert httpx.get(f"{pools.url}/ready?pool={TWO}").status_code == 200


def test_trouble_of_a_pool_is_told_once_with_its_key_and_once_when_it_is_over(pools: Up, inside: Any) -> None:
    def told(event: str) -> int:
        lines = pools.log.read_text()[said:].splitlines()
        return sum(event in line and f'"pool": "{TWO}"' in line and KEYS.instances in line for line in lines)

    assert eventually(lambda: is_answered(pools, TWO))
    said = len(pools.log.read_text())
    spoil(inside, KEYS.instances, "of another type")
    duties = 3  # dispatch, reconcile, gauges
    assert eventually(lambda: told("pool.troubled") == duties)
    ready = httpx.get(f"{pools.url}/ready")
    two = httpx.get(f"{pools.url}/ready?pool={TWO}")
    time.sleep(WRONG_S)  # It must not be told again.
    assert told("pool.troubled") == duties
    inside.delete(KEYS.instances)
    assert eventually(lambda: told("pool.recovered") == duties)

    assert (ready.status_code, two.status_code) == (200, 503)
    assert two.json()["pools"][TWO]["troubles"] == [f"{KEYS.instances} is a string, not a set"]
    assert eventually(lambda: is_answered(pools, TWO))


def test_a_request_that_meets_a_wrong_key_is_a_503_with_a_sentence(pools: Up, inside: Any) -> None:
    spoil(inside, KEYS.live, "of another type")
    refused = ask(pools, TWO, "refused")
    inside.delete(KEYS.live)

    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "service_unavailable"
    assert "cannot be read" in refused.json()["error"]["message"]
    assert int(refused.headers["retry-after"]) >= 1
    assert eventually(lambda: is_answered(pools, TWO))


def test_a_waiting_job_whose_record_is_none_fails_alone(pools: Up, inside: Any) -> None:
    assert eventually(lambda: is_answered(pools, TWO))
    with ThreadPoolExecutor() as clients:
        running_ = [clients.submit(ask, pools, TWO, f"running {at}", max_tokens=300) for at in range(2)]
        assert eventually(lambda: _states(inside).count(b"running") == 2)
        spoilt = clients.submit(ask, pools, TWO, "spoilt")
        (spoilt_id,) = _when_waiting(inside, 1)
        behind = clients.submit(ask, pools, TWO, "behind")
        _when_waiting(inside, 2)
        inside.delete(KEYS.job(spoilt_id))
        inside.set(KEYS.job(spoilt_id), "no record")
        neighbours = [is_answered(pools, SIM) for _ in range(5)]
        answers: list[Future[httpx.Response]] = [*running_, behind]
        said = [content(one.result()) for one in answers]
        failed = spoilt.result()
        inside.delete(KEYS.job(spoilt_id))

    assert said == [
        *(expected(f"running {at}", max_tokens=300) for at in range(2)),
        expected("behind", max_tokens=4),
    ]
    assert all(neighbours)
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "service_unavailable")
    assert failed.headers[JOB_ID] == spoilt_id


def test_after_redis_lost_everything_what_ran_goes_on_before_what_waited(pools: Up, inside: Any) -> None:
    assert eventually(lambda: is_answered(pools, TWO))
    #: Names of streams in the order in which each went on, or began, after the loss.
    order: list[str] = []
    is_lost = threading.Event()

    def read(name: str) -> str:
        with asked(pools.url, {"model": TWO, "messages": _says(name), "max_tokens": TOKENS}) as stream:
            events = []
            while event := stream.take(1):
                events += event
                if is_lost.is_set() and event[0].text and name not in order:
                    order.append(name)
            return text(events)

    ran, waited = [f"ran {at}" for at in range(2)], [f"waited {at}" for at in range(6)]
    with ThreadPoolExecutor(len(ran) + len(waited)) as clients:
        reading = [clients.submit(read, name) for name in ran]
        assert eventually(lambda: _states(inside).count(b"running") == len(ran))
        reading += [clients.submit(read, name) for name in waited]
        _when_waiting(inside, len(waited))
        inside.flushall()
        is_lost.set()
        texts = [one.result() for one in reading]

    assert texts == [expected(name, max_tokens=TOKENS) for name in (*ran, *waited)]
    assert set(order[: len(ran)]) == set(ran)


def _says(words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": words}]


def _states(inside: Any) -> list[bytes]:
    live = [member.decode() for member in inside.zrange(KEYS.live, 0, -1)]
    return [inside.hget(KEYS.job(one), "state") for one in live if pool_of(one) == TWO]


def _when_waiting(inside: Any, count: int) -> list[str]:
    """The jobs that wait in pool two, once there are so many."""
    lane = KEYS.lane("interactive:default")
    assert eventually(lambda: inside.xlen(lane) == count)
    return [fields[b"j"].decode() for _, fields in inside.xrange(lane)]
