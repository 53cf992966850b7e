"""A model's reasoning comes in a field of its own. Ours does not reason: its comma is made to say that it has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from penstock.settings.builtin import FOLDER as BUILTIN
from tests.acceptance.asking import ANSWERS, connected, says
from tests.harness.up import builtin, running

QUESTION = "Why is it called Penstock?"
#: On either side of the comma.
REASONING, ANSWER = ANSWERS[QUESTION].split(",")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    config = builtin("demo")
    pool = config["pools"]["demo"]
    model = tmp_path_factory.mktemp("reasoning") / "model"
    shutil.copytree(BUILTIN / pool["model"], model)
    rename(model / "tokenizer.json", {"~": "<think>", ",": "</think>"})
    pool |= {"model": str(model), "options": {**pool["options"], "reasoning_parser": "deepseek_r1"}}
    with running(config) as up, connected(up.url) as it:
        yield it


def rename(tokenizer: Path, tokens: dict[str, str]) -> None:
    """Give tokens, which must be in no merge, another text."""
    content = json.loads(tokenizer.read_text())
    vocabulary = content["model"]["vocab"]
    for old, new in tokens.items():
        vocabulary[new] = vocabulary.pop(old)
    tokenizer.write_text(json.dumps(content))


def test_reasoning_is_not_the_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="demo", messages=says(QUESTION), temperature=0)
    message = answer.choices[0].message

    assert (message.to_dict()["reasoning"], message.content) == (REASONING, ANSWER)


def test_reasoning_is_streamed_before_the_answer(client: OpenAI) -> None:
    with client.chat.completions.create(model="demo", messages=says(QUESTION), temperature=0, stream=True) as stream:
        deltas = [chunk.choices[0].delta for chunk in stream]
    reasoning = [str(delta.to_dict().get("reasoning") or "") for delta in deltas]

    assert "".join(reasoning) == REASONING
    assert "".join(delta.content or "" for delta in deltas) == ANSWER
    assert reasoning[-1] == ""


def test_reasoning_is_an_item_of_a_response(client: OpenAI) -> None:
    with client.responses.stream(model="demo", input=QUESTION, temperature=0) as stream:
        deltas = [event.delta for event in stream if event.type == "response.reasoning_text.delta"]
        made = stream.get_final_response()
    reasoning, _ = made.output

    assert reasoning.type == "reasoning"
    assert "".join(deltas) == REASONING == "".join(part.text for part in reasoning.content or ())
    assert made.output_text == ANSWER
    assert made.usage is not None
    assert 0 < made.usage.output_tokens_details.reasoning_tokens < made.usage.output_tokens
