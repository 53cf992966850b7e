from __future__ import annotations

import warnings
from typing import Any

import pytest

from penstock.settings.builtin import FOLDER as BUILTIN
from penstock.text.chat.conversation import Conversation
from penstock.text.hf_tokenizer import HfTokenizer

DEMO_MODEL = BUILTIN / "demo"
MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is a lane? 🌊 水門\n\n  <|end|>"},
    {"role": "assistant", "content": "A stream of waiting jobs."},
    {"role": "user", "content": "And a worker?"},
]


@pytest.fixture(scope="module")
def reference() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        return transformers.AutoTokenizer.from_pretrained(DEMO_MODEL)


@pytest.mark.parametrize("turns", [1, 2, 3, 4])
@pytest.mark.parametrize("generation_prompt", [True, False])
def test_a_conversation_has_the_ids_that_transformers_gives(
    reference: Any, *, turns: int, generation_prompt: bool
) -> None:
    expected = reference.apply_chat_template(MESSAGES[:turns], add_generation_prompt=generation_prompt)["input_ids"]
    assert (
        HfTokenizer(DEMO_MODEL).chat(Conversation(messages=MESSAGES[:turns], add_generation_prompt=generation_prompt))
        == expected
    )


def test_a_text_has_the_ids_that_transformers_gives(reference: Any) -> None:
    tokenizer, text = HfTokenizer(DEMO_MODEL), MESSAGES[1]["content"]
    assert tokenizer.encode(text) == reference.encode(text)
    assert tokenizer.encode(text, special=False) == reference.encode(text, add_special_tokens=False)
    assert tokenizer.eos_ids == {reference.eos_token_id}
