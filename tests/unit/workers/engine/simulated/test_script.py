from __future__ import annotations

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from penstock.request import Sampling
from penstock.text.sim_tokenizer import EOS_ID, WORD_IDS, SimulatedTokenizer
from tests.simulated_answers import expected_text, expected_tokens
from workers.engine.base import Finish
from workers.engine.simulated import SimulatedSettings
from workers.engine.simulated.script import script

SETTINGS = SimulatedSettings()
PROMPT = SimulatedTokenizer().encode("What is a lane?")


def test_a_limit_is_reached_exactly() -> None:
    for count in (1, 31, 32, 33, 500):
        whole = script(SETTINGS, PROMPT, Sampling(max_tokens=count))
        assert (len(whole.tokens), whole.finish, whole.stop_token) == (count, Finish.LENGTH, None)


def test_without_a_limit_it_has_a_natural_length_and_an_end_token() -> None:
    lengths = set()
    for number in range(100):
        whole = script(SETTINGS, [*PROMPT, number], Sampling())
        assert (whole.finish, whole.stop_token, whole.tokens[-1]) == (Finish.STOP, EOS_ID, EOS_ID)
        lengths.add(len(whole.tokens) - 1)
    assert min(lengths) >= 40
    assert max(lengths) <= 200
    assert len(lengths) > 30


def test_the_end_token_is_put_off_by_min_tokens_and_left_out_by_ignore_eos() -> None:
    assert len(script(SETTINGS, PROMPT, Sampling(min_tokens=1000)).tokens) == 1001
    endless = script(SETTINGS, PROMPT, Sampling(ignore_eos=True))
    assert len(endless.tokens) + len(PROMPT) == SETTINGS.max_model_len
    assert (endless.finish, EOS_ID in endless.tokens) == (Finish.LENGTH, False)


def test_the_context_ends_it() -> None:
    prompt = [97] * (SETTINGS.max_model_len - 3)
    assert len(script(SETTINGS, prompt, Sampling(max_tokens=10)).tokens) == 3
    assert script(SETTINGS, prompt, Sampling()).finish is Finish.LENGTH


def test_a_longer_limit_goes_on_where_a_shorter_one_ended() -> None:
    short, long = (expected_tokens(PROMPT, Sampling(max_tokens=count)) for count in (50, 400))
    assert long[:50] == short


def test_another_prompt_position_or_engine_seed_gives_another_text() -> None:
    wanted = Sampling(max_tokens=64)
    texts = [
        expected_text(PROMPT, wanted),
        expected_text(PROMPT[::-1], wanted),
        expected_text(PROMPT, wanted, SimulatedSettings(seed=1)),
    ]
    assert len(set(texts)) == 3
    tokens = expected_tokens(PROMPT, wanted)
    assert tokens[:32] != tokens[32:]


def test_the_seed_counts_only_where_sampling_does() -> None:
    greedy = [expected_text(PROMPT, Sampling(max_tokens=9, temperature=0.0, seed=seed)) for seed in (None, 1, 2)]
    sampled = [expected_text(PROMPT, Sampling(max_tokens=9, temperature=1.0, seed=seed)) for seed in (None, 1, 2)]
    assert len(set(greedy)) == 1
    assert len(set(sampled)) == 3


@given(st.integers(0, 60), st.integers(0, 63))
def test_a_stop_token_ends_it_after_min_tokens(min_tokens: int, place: int) -> None:
    uncut = expected_tokens(PROMPT, Sampling(max_tokens=64))
    wanted = Sampling(max_tokens=64, min_tokens=min_tokens, stop_token_ids=(uncut[place],))
    whole = script(SETTINGS, PROMPT, wanted)
    if uncut[place] in uncut[min_tokens:]:
        assert whole.tokens == uncut[: uncut.index(uncut[place], min_tokens) + 1]
        assert (whole.finish, whole.stop_token) == (Finish.STOP, uncut[place])
    else:
        assert (whole.tokens, whole.finish) == (uncut, Finish.LENGTH)


def test_the_text_has_words_and_characters_of_several_tokens() -> None:
    tokens = expected_tokens(PROMPT, Sampling(max_tokens=320))
    text = SimulatedTokenizer().decode(tokens)
    assert sum(token in WORD_IDS for token in tokens) > 0.8 * len(tokens)
    assert sum(not character.isascii() for character in text) == 10
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_expected_text_applies_stop_strings() -> None:
    text = expected_text(PROMPT, Sampling(max_tokens=64))
    assert expected_text(PROMPT, Sampling(max_tokens=64, stop=(".",))) == text.partition(".")[0]


def test_every_process_generates_the_same() -> None:
    code = (
        "from penstock.request import Sampling; from tests.simulated_answers import expected_text; import hashlib;"
        f"print(hashlib.sha256(expected_text({PROMPT}, Sampling(max_tokens=99)).encode()).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert elsewhere.strip() == hashlib.sha256(expected_text(PROMPT, Sampling(max_tokens=99)).encode()).hexdigest()
