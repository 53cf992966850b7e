"""A batch's lines are checked the same way whether they are read in one pass or looked at closely."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.batches.batch import BatchFault
from penstock.intake import batch_input
from penstock.intake.batch_input import InputCheck
from penstock.intake.plain_line import plain_line
from penstock.lines import LineSplitter
from penstock.settings import Settings
from penstock.settings.sections import BatchSettings

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
ASKED: dict[str, Any] = {"model": "sim", "messages": [{"role": "user", "content": "Grüße, 水"}]}
CONTINUED: dict[str, Any] = {"model": "sim", "prompt": "Once"}
SETTINGS = Settings.model_validate(
    {
        "models": {"sim": {"pool": "sim"}, "other": {"pool": "other"}},
        "pools": {name: {"engine": "simulated"} for name in ("sim", "other")},
    }
)


def line(body: object = None, **fields: object) -> bytes:
    whole = {"custom_id": "a", "method": "POST", "url": CHAT, "body": ASKED if body is None else body, **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}, ensure_ascii=False).encode()


def faults(text: bytes, endpoint: str) -> list[BatchFault]:
    check, splitter = InputCheck(SETTINGS, "sim", endpoint), LineSplitter(1 << 20)
    for one in (*splitter.feed(text), *splitter.end()):
        check.take(one)
    return list(check.faults)


PLAIN = [
    (CHAT, line()),
    (CHAT, line({**ASKED, "temperature": 0, "max_tokens": 5, "tools": None, "stop": ["a", "b"]})),
    (CHAT, line({**ASKED, "response_format": {"type": "text", "unknown": 1}})),
    (CHAT, b"\r\n".join([line(), line(custom_id="b"), b"", line(custom_id="c")])),
    (COMPLETION, line(CONTINUED, url=COMPLETION)),
]
ODD = [
    (CHAT, line({**ASKED, "user": "somebody", "not_known": 1})),
    (CHAT, line({**ASKED, "max_tokens": 5.0, "stream": False})),
    (COMPLETION, line({**CONTINUED, "prompt": [1.0, 2, 3]}, url=COMPLETION)),
    (COMPLETION, line({**CONTINUED, "prompt": ["one", "two"]}, url=COMPLETION)),
    ("/v1/responses", line({"model": "sim", "input": "Hello"}, url="/v1/responses")),
]
WRONG = [
    (CHAT, b"{"),
    (CHAT, b"[]"),
    (CHAT, b"\xff" + line()),
    (CHAT, line().replace(b"\xc3\xbc", b"\xed\xa0\x80")),
    (CHAT, line({**ASKED, "response_format": {"type": "text", "unknown": "ü"}}).replace(b"\xc3\xbc", b"\xff")),
    (CHAT, line().replace("水".encode(), rb"\ud800")),
    (CHAT, line(custom_id=...)),
    (CHAT, line(custom_id="")),
    (CHAT, line(custom_id="x" * 10_000)),
    (CHAT, line(custom_id=7)),
    (CHAT, line(unknown=1)),
    (CHAT, line(method="GET")),
    (CHAT, line(url="/v1/embeddings")),
    (CHAT, line(url=COMPLETION)),
    (CHAT, line(CONTINUED, url=COMPLETION)),
    (CHAT, line([])),
    (CHAT, line({"model": "sim"})),
    (CHAT, line({**ASKED, "model": "other"})),
    (CHAT, line({**ASKED, "model": "missing"})),
    (CHAT, line({**ASKED, "temperature": 3})),
    (CHAT, line({**ASKED, "max_tokens": 0})),
    (CHAT, line({**ASKED, "n": 128})),
    (CHAT, line({**ASKED, "stream": True})),
    (CHAT, line({**ASKED, "stream": True, "user": "somebody"})),
    (CHAT, line({**ASKED, "functions": [{}]})),
    (CHAT, line({**ASKED, "messages": [{"role": "user"}]})),
    (CHAT, line({**ASKED, "messages": []})),
    (CHAT, line({**ASKED, "chat_template_kwargs": {"deep": 1}}).replace(b"1}", b"[" * 2000 + b"]" * 2000 + b"}")),
    (CHAT, b"\n".join([line(), line(custom_id="b"), line()])),
    (CHAT, b"\n".join([line(), line({**ASKED, "model": "other"}, custom_id="b")])),
    (COMPLETION, line({**CONTINUED, "prompt": ""}, url=COMPLETION)),
    (COMPLETION, line({**CONTINUED, "prompt": ["one", 2]}, url=COMPLETION)),
    (COMPLETION, line({**CONTINUED, "suffix": "end"}, url=COMPLETION)),
    ("/v1/responses", line({"model": "sim", "input": "Hello", "background": True}, url="/v1/responses")),
]


@pytest.mark.parametrize(("endpoint", "text"), PLAIN)
def test_what_nearly_all_lines_are_is_read_in_one_pass(endpoint: str, text: bytes) -> None:
    assert all(plain_line(endpoint, one.strip()) for one in text.splitlines() if one.strip())
    assert faults(text, endpoint) == []


@pytest.mark.parametrize(("endpoint", "text"), ODD)
def test_what_is_odd_and_right_takes_a_closer_look(endpoint: str, text: bytes) -> None:
    assert plain_line(endpoint, text) is None
    assert faults(text, endpoint) == []


@pytest.mark.parametrize(("endpoint", "text"), WRONG)
def test_what_is_wrong_is_told_as_the_closer_look_tells_it(
    endpoint: str, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = faults(text, endpoint)
    assert told
    monkeypatch.setattr(batch_input, "plain_line", lambda *_: None)
    assert faults(text, endpoint) == told


def test_a_file_of_more_lines_than_a_batch_may_have_is_refused_and_read_no_further() -> None:
    limits = SETTINGS.model_copy(update={"batches": BatchSettings(max_lines=3)})
    check, splitter = InputCheck(limits, "sim", CHAT), LineSplitter(1 << 20)
    for one in splitter.feed(b"".join(line(custom_id=str(number)) + b"\n" for number in range(5))):
        if check.is_over:
            break
        check.take(one)

    assert check.total == 4
    assert [(fault.code, fault.line) for fault in check.faults] == [("too_many_lines", None)]
    assert "batches.max_lines" in check.faults[0].message


@pytest.mark.parametrize("url", [CHAT, COMPLETION, "/v1/responses"])
def test_fields_that_nobody_knows_are_told_once_each(url: str) -> None:
    known = {CHAT: ASKED, COMPLETION: CONTINUED}.get(url, {"model": "sim", "input": "Hello"})
    check = InputCheck(SETTINGS, "sim", url)
    lines = [line({**known, name: 1}, url=url, custom_id=name[:9]) for name in ("max_tokns", "x" * 1000, " max_tokns")]
    lines += [line({**known, "max_tokns": number}, url=url, custom_id=f"{number}") for number in range(3)]
    for one in LineSplitter(1 << 20).feed(b"".join(text + b"\n" for text in lines)):
        check.take(one)
    assert check.faults == []
    assert check.ignored == ["max_tokns", "x" * 64, " max_tokns"]


def test_only_so_many_names_are_told() -> None:
    check = InputCheck(SETTINGS, "sim", CHAT)
    text = line({**ASKED, **{f"field{number}": 1 for number in range(100)}}) + b"\n"
    for one in LineSplitter(1 << 20).feed(text):
        check.take(one)
    assert check.ignored == [f"field{number}" for number in range(20)]
