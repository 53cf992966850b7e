"""How many jobs at once, in which order, and whether there is time for all."""

from __future__ import annotations

import json
import random
from itertools import pairwise

from penstock.batches.completion_window import reason_to_refuse
from penstock.batches.sorting import order_of, prefix
from penstock.batches.window import FEWEST, window


def test_a_pool_without_workers_gets_a_few_jobs_all_the_same() -> None:
    assert window(slots=0, ended_per_s=0, most=2000, lane_jobs=1000) == FEWEST


def test_the_window_grows_with_slots_and_rate_up_to_its_bounds() -> None:
    assert window(slots=100, ended_per_s=10, most=2000, lane_jobs=1000) == 240
    assert window(slots=100, ended_per_s=1000, most=2000, lane_jobs=1000) == 600
    assert window(slots=100, ended_per_s=1000, most=300, lane_jobs=1000) == 300
    assert window(slots=1, ended_per_s=0, most=2000, lane_jobs=1) == 2


def test_lines_with_a_common_beginning_follow_each_other() -> None:
    bodies = [chat(f"system {number % 7}", f"question {number}") for number in range(70)]
    random.Random(1).shuffle(bodies)
    systems = [json.loads(bodies[one])["messages"][0]["content"] for one in order_of([prefix(b) for b in bodies])]
    assert sum(a != b for a, b in pairwise(systems)) == 6


def test_the_order_is_the_same_however_often_it_is_made() -> None:
    bodies = [chat("same", "same") for _ in range(5)]
    assert order_of([prefix(body) for body in bodies]) == [0, 1, 2, 3, 4]


def test_every_endpoint_has_a_prompt_to_sort_by() -> None:
    assert prefix(b'{"model":"m","prompt":"abc"}') == b'"abc"'
    assert prefix(b'{"input":"b","instructions":"a","model":"m"}') == b'"a""b"'


def test_a_batch_is_refused_only_where_the_measured_rate_says_so() -> None:
    assert reason_to_refuse(lines=50_000, ahead=0, jobs_per_s=0, window="1h") == ""
    assert reason_to_refuse(lines=3_600, ahead=0, jobs_per_s=1, window="1h") == ""
    why = reason_to_refuse(lines=3_600, ahead=3_600, jobs_per_s=1, window="1h")
    assert "2.0 h" in why
    assert "completion_window is 1h" in why


def chat(system: str, user: str) -> bytes:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return json.dumps({"model": "m", "messages": messages}).encode()
