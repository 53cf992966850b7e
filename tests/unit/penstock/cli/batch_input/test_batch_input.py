from __future__ import annotations

import json
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.batch_input.batch_input import BatchInput, opened
from penstock.cli.batch_input.terms import Terms
from penstock.errors import SettingsError
from tests.harness.named_file import NamedFile

REQUESTS = b"""
{"custom_id": "b", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "?"}}

{"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "!"}}
"""


def given(name: str, content: bytes, **terms: Any) -> BatchInput:
    return BatchInput(NamedFile(name, content), Terms(**terms))


def made(batch: BatchInput) -> list[bytes]:
    target = BytesIO()
    batch.write_requests(target, "sim")
    return target.getvalue().split(b"\n")


def test_requests_are_sent_as_they_are() -> None:
    batch = given("a.jsonl", REQUESTS)
    assert (batch.is_converted, batch.endpoint) == (False, "/v1/completions")
    assert list(batch.custom_ids()) == ["b", "a"]


def test_a_line_of_a_text_is_a_prompt_by_itself() -> None:
    batch = given("a.txt", b"What?\n\nWhy?\n")
    assert (batch.is_converted, batch.endpoint) == (True, "/v1/chat/completions")
    assert [json.loads(line)["body"]["messages"][0]["content"] for line in made(batch) if line] == ["What?", "Why?"]


def test_each_request_is_on_the_line_of_its_row_and_named_after_it() -> None:
    batch = given("a.csv", b'name,note\nAda,x\n"A\nB",y\n\nAlan,z\n', prompt="Greet {name}.")
    ids = [json.loads(line)["custom_id"] if line else None for line in made(batch)]

    assert ids == [None, "line-2", "line-3", None, None, "line-6", None]
    assert list(batch.custom_ids()) == ["line-2", "line-3", "line-6"]


def test_the_same_content_has_the_same_digest_and_no_other() -> None:
    batches = [
        given("a.txt", b"What?\n"),
        given("b.txt", b"What?\n", model="sim"),
        given("a.txt", b"What?!\n"),
        given("a.csv", b"What?\n", prompt="{What?}"),
    ]
    assert len({batch.digest() for batch in batches}) == 3
    assert batches[0].digest() == batches[1].digest()


def test_the_model_is_that_of_the_first_request_or_of_the_options() -> None:
    requests, text = given("a.jsonl", REQUESTS), given("a.txt", b"What?", model="sim")
    assert (requests.model, requests.model_source) == ("m", "a.jsonl, line 2")
    assert (text.model, text.model_source) == ("sim", "--model")
    assert given("a.jsonl", b'{"url": "/v1/completions", "body": {"model": 1}}').model is None


@pytest.mark.parametrize(
    ("name", "content", "terms", "sentence"),
    [
        ("a.txt", b" \n", {}, "a.txt is empty: there is nothing to ask."),
        ("a.jsonl", b"", {}, "a.jsonl is empty: there is nothing to ask."),
        ("a.jsonl", REQUESTS, {"model": "m"}, "--model: it is for plain text (.txt) and CSV (.csv); a.jsonl holds"),
        ("a.jsonl", b"\nWhat?\n", {}, "a.jsonl, line 2: it is no request: JSON is malformed"),
        ("a.jsonl", b"[]\n", {}, "a.jsonl, line 1: it is no request: Expected `object`, got `array`"),
        ("a.jsonl", b"{}\n", {}, "a.jsonl, line 1: it has no url"),
        ("a.jsonl", b'\n{"url": "/v1/chat"}', {}, "a.jsonl, line 2: its url is '/v1/chat'; give one of /v1/chat/comp"),
        (
            "a.jsonl",
            b'{"a": ?}',
            {},
            "a.jsonl, line 1: it is no request: JSON is malformed: invalid character (byte 7)",
        ),
        (
            "a.csv",
            b"a,b\n1,2\n",
            {"prompt": "Hello"},
            "--prompt: it has no placeholder, so that all prompts would be the",
        ),
        ("a.csv", b"a,b\n1,2\n", {}, "--prompt: say what to ask of each row, with {column} for a value of it; there"),
        ("a.csv", b"a,b\n1,2\n", {"prompt": "{c}"}, "--prompt: {c} stands for nothing; there is {a}, {b}."),
        ("a.txt", b"What?\n", {"prompt": "{c}"}, "--prompt: {c} stands for nothing; there is {text}."),
    ],
)
def test_what_does_not_go_together_is_told_at_once(
    name: str, content: bytes, terms: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        given(name, content, **terms)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b'[\n  {"custom_id": "1"}\n]', "Requests are one object per line, not an array: `jq -c '.[]' a.json` writes"),
        (b'{\n  "custom_id": "1"\n}', "Each request is an object on a line of its own."),
        (b"What?", "For plain text, use a name that ends with .txt."),
    ],
)
def test_what_is_no_request_is_told_how_to_become_one(content: bytes, advice: str) -> None:
    with pytest.raises(SettingsError) as raised:
        given("a.json", content)
    assert advice in str(raised.value)


def test_a_heading_alone_is_nothing_to_ask() -> None:
    with pytest.raises(SettingsError, match=r"^a\.csv has a heading and no row: there is nothing to ask\.$"):
        made(given("a.csv", b"a\n\n", prompt="{a}"))


def test_what_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file or directory."), (tmp_path, "Is a directory.")):
        with pytest.raises(SettingsError) as raised, opened(str(path)):
            pass
        assert str(raised.value) == f"{path}: {reason}"


def test_what_can_be_read_once_only_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^/dev/null: it is no file"), opened("/dev/null"):
        pass
    with pytest.raises(SettingsError, match=r"^-: standard input cannot be read again"), opened("-"):
        pass


class Counter(BytesIO):
    """Counts what it is given, and forgets it."""

    bytes = 0

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        self.bytes += len(data)
        return len(data)


def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        for number in range(20_000):
            file.write(b"%d " % number + b"word " * 100 + b"\n")
    target = Counter()
    with opened(str(path)) as source:
        batch = BatchInput(source, Terms())
        tracemalloc.start()
        try:
            batch.digest()
            batch.write_requests(target, "sim")
            assert sum(1 for _ in batch.custom_ids()) == 20_000
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert target.bytes > path.stat().st_size > 10_000_000
    assert most < 2_500_000
