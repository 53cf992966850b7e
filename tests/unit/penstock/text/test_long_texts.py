"""Texts of any length: the same tokens, others run meanwhile, and what cannot fit is known before it is encoded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers

from penstock.settings.builtin import FOLDER as BUILTIN
from penstock.text.hf_tokenizer import HfTokenizer
from penstock.text.sim_tokenizer import SimulatedTokenizer
from penstock.text.token_length import longest_token

DEMO = BUILTIN / "demo"
MIXED = "Penstock keeps every request \N{WATER WAVE} 水門 and goes on, <|end|> <tool call> too.\n\n  Naïve? "
#: Enough turns of a loop to say that it turns, in the half second that a long text takes; it was one.
_TURNS = 20


@pytest.fixture(scope="module", params=["byte level", "sentencepiece", "demo"])
def tokenizer(request: pytest.FixtureRequest, byte_level_folder: Path, sentencepiece_folder: Path) -> HfTokenizer:
    folders = {"byte level": byte_level_folder, "sentencepiece": sentencepiece_folder, "demo": DEMO}
    return HfTokenizer(folders[request.param])


@pytest.mark.parametrize("special", [True, False])
def test_a_long_text_has_the_tokens_that_the_librarys_call_for_one_text_gives(
    tokenizer: HfTokenizer, *, special: bool
) -> None:
    library = tokenizer._vocabulary
    for text in (MIXED * 100, "x" * 5000, " " * 5000, "\n" * 3000, "水" * 3000, MIXED * 30 + "<|begin|>"):
        expected = library.encode(text, add_special_tokens=special).ids
        assert tokenizer.encode(text, special=special) == expected
        assert tokenizer.decode(expected) == library.decode(expected)
        assert tokenizer.decode(expected, skip_special=False) == library.decode(expected, skip_special_tokens=False)


async def test_the_event_loop_turns_while_a_long_text_is_encoded_and_decoded(tokenizer: HfTokenizer) -> None:
    text = MIXED * 10_000
    for work in (
        lambda: tokenizer.encode(text),
        lambda: tokenizer.decode(list(range(100, 300)) * 4000),
    ):
        working = asyncio.create_task(asyncio.to_thread(work))
        turns = 0
        while not working.done():
            await asyncio.sleep(0.001)
            turns += 1
        await working
        assert turns >= _TURNS


@given(text=st.text() | st.text("ab \n水é\u0301<|>", min_size=20))
def test_no_token_stands_for_more_text_than_the_longest(tokenizer: HfTokenizer, text: str) -> None:
    longest = tokenizer.longest_token
    assert longest is not None
    assert len(text) <= longest * len(tokenizer.encode(text, special=False))


@given(text=st.text() | st.text("ab \n水"))
def test_no_simulated_token_does(text: str) -> None:
    simulated = SimulatedTokenizer()
    assert len(text) <= simulated.longest_token * len(simulated.encode(text))


def test_a_long_text_has_the_same_simulated_tokens_as_its_parts() -> None:
    simulated = SimulatedTokenizer()
    words = MIXED.split("request", maxsplit=1)[0] + " "
    assert simulated.encode(words * 2000) == simulated.encode(words) * 2000


def changed(folder: Path) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(json.loads((folder / "tokenizer.json").read_text())))


def test_a_vocabulary_that_may_drop_text_has_no_longest_token(byte_level_folder: Path) -> None:
    assert longest_token(changed(byte_level_folder)) is not None
    for normalizer in (normalizers.Strip(), normalizers.NFKC(), normalizers.Replace("ab", "")):
        stripping = changed(byte_level_folder)
        stripping.normalizer = normalizers.Sequence([normalizers.NFC(), normalizer])
        assert longest_token(stripping) is None
    splitting, greedy = changed(byte_level_folder), changed(byte_level_folder)
    splitting.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    greedy.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    assert longest_token(splitting) is None
    assert longest_token(greedy) is None


def test_what_composes_counts_as_the_text_it_was(byte_level_folder: Path) -> None:
    plain, composing = changed(byte_level_folder), changed(byte_level_folder)
    composing.normalizer = normalizers.NFC()
    text = "\N{GREEK SMALL LETTER ALPHA}\u0313\u0300\u0345" * 100
    longest = longest_token(composing)
    assert longest == 4 * (longest_token(plain) or 0)
    assert len(text) <= longest * len(composing.encode(text, add_special_tokens=False).ids)
