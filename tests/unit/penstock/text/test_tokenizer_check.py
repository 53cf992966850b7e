from __future__ import annotations

from pathlib import Path

import pytest

from penstock.text.hf_tokenizer import HfTokenizer
from penstock.text.tokenizer_check import difference


@pytest.fixture
def ours(byte_level_folder: Path) -> HfTokenizer:
    return HfTokenizer(byte_level_folder)


def test_equal_tokenizers_have_no_difference(ours: HfTokenizer) -> None:
    assert difference(ours, ours.encode) is None


def test_a_begin_token_that_only_the_library_adds_is_a_difference(ours: HfTokenizer) -> None:
    sentence = difference(ours, lambda text: [0, *ours.encode(text)])
    assert sentence is not None
    assert "tokenizer.json gives" in sentence


@pytest.mark.parametrize("text", ["  ", "12345678", "水", "🌊", "\n", "<|user|>"])
def test_each_kind_of_text_is_compared(ours: HfTokenizer, text: str) -> None:
    def encode(given: str) -> list[int]:
        return ours.encode(given.replace(text, "x"))

    assert difference(ours, encode) is not None
