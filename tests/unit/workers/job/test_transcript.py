from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.request import Sampling
from penstock.text.sim_tokenizer import EOS_ID, SimulatedTokenizer
from workers.engine.base import Finish
from workers.job.transcript import Transcript

TOKENIZER = SimulatedTokenizer()
TOKENS = st.text(alphabet="ab🌊水").map(TOKENIZER.encode)
STOPS = st.lists(st.text(alphabet="ab🌊", min_size=1, max_size=4), max_size=3).map(tuple)
SAMPLINGS = st.builds(Sampling, stop=STOPS, min_tokens=st.integers(0, 5), include_stop=st.booleans())


def transcript(**sampling: object) -> Transcript:
    return Transcript(TOKENIZER, Sampling(**sampling), [])  # type: ignore[arg-type]


@given(TOKENS, SAMPLINGS, st.data())
def test_another_worker_goes_on_with_the_same_pieces(
    tokens: list[int], sampling: Sampling, data: st.DataObject
) -> None:
    uncut = Transcript(TOKENIZER, sampling, [])
    pieces = [piece for token in tokens for piece in uncut.feed([token])] + uncut.feed([EOS_ID], Finish.STOP, EOS_ID)

    cut = data.draw(st.integers(0, len(tokens)))
    first, second = Transcript(TOKENIZER, sampling, []), Transcript(TOKENIZER, sampling, [])
    journaled = first.feed(tokens[:cut])
    second.replay(tokens[:cut])
    rest = second.feed([*tokens[cut:], EOS_ID], Finish.STOP, EOS_ID)

    assert journaled + rest == pieces
    assert (second.finish, second.stop_reason, second.count) == (uncut.finish, uncut.stop_reason, uncut.count)


@given(TOKENS, SAMPLINGS)
def test_there_is_one_piece_per_token_taken(tokens: list[int], sampling: Sampling) -> None:
    whole = Transcript(TOKENIZER, sampling, [])
    pieces = whole.feed(tokens, Finish.LENGTH) if tokens else []
    assert whole.count == len(pieces) <= len(tokens)
    if whole.finish is Finish.LENGTH:
        assert "".join(pieces) == TOKENIZER.decode(tokens)


def test_a_stop_string_is_cut_off_and_named() -> None:
    words = transcript(stop=("STOP",))
    assert words.feed(list(b"go STOP on")) == ["g", "o", " ", "", "", "", ""]
    assert (words.finish, words.stop_reason) == (Finish.STOP, "STOP")


def test_after_its_end_nothing_comes_out() -> None:
    ended = transcript(stop=("!",))
    ended.feed(TOKENIZER.encode("a!b"))
    count = ended.count
    assert ended.feed(TOKENIZER.encode("more"), Finish.LENGTH) == []
    assert (ended.finish, ended.count) == (Finish.STOP, count)


def test_a_stop_string_overrules_the_engines_reason() -> None:
    both = transcript(stop=("!",))
    both.feed(TOKENIZER.encode("a!"), Finish.LENGTH)
    assert (both.finish, both.stop_reason) == (Finish.STOP, "!")


def test_text_kept_back_comes_with_the_last_piece() -> None:
    waiting = transcript(stop=("abc",))
    assert waiting.feed([ord("x"), ord("a")]) == ["x", ""]
    assert waiting.feed([ord("b")], Finish.LENGTH) == ["ab"]
    assert transcript(stop=("ab",)).feed([ord("a"), EOS_ID], Finish.STOP, EOS_ID) == ["", "a"]


def test_an_end_without_a_token_brings_no_piece() -> None:
    waiting = transcript(stop=("abc",))
    waiting.feed([ord("a")])
    assert waiting.feed([], Finish.ABORT) == []
    assert (waiting.finish, waiting.count) == (Finish.ABORT, 1)


def test_a_stop_token_is_silent_unless_asked_for() -> None:
    silent = transcript(stop_token_ids=(ord("."),))
    assert silent.feed([ord("a"), ord(".")], Finish.STOP, ord(".")) == ["a", ""]
    assert silent.stop_reason == ord(".")
    spoken = transcript(stop_token_ids=(ord("."),), include_stop=True)
    assert spoken.feed([ord("a"), ord(".")], Finish.STOP, ord(".")) == ["a", "."]


def test_the_models_own_end_is_no_stop_reason() -> None:
    ended = transcript()
    assert ended.feed([ord("a"), EOS_ID], Finish.STOP, EOS_ID) == ["a", ""]
    assert (ended.finish, ended.stop_reason, ended.count) == (Finish.STOP, None, 2)


def test_stop_strings_within_min_tokens_are_overlooked() -> None:
    patient = transcript(stop=(".",), min_tokens=2)
    assert patient.feed(list(b"..x.y")) == [".", ".", "x", ""]


@pytest.mark.parametrize("skip", [True, False])
def test_special_tokens_are_shown_on_demand(*, skip: bool) -> None:
    shown = transcript(skip_special_tokens=skip).feed([EOS_ID])
    assert shown == ([""] if skip else ["<|end|>"])
