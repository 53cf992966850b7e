from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.engine.vllm.continuation import continued_bias, continued_seed

TOKENS = st.lists(st.integers(0, 50), max_size=40)
PENALTY = st.floats(-2, 2)


def test_without_penalties_the_bias_is_the_clients() -> None:
    assert continued_bias({3: 1.5}, [3, 4], 0.0, 0.0) == {3: 1.5}
    assert continued_bias({}, [3, 4], 0.0, 0.0) is None


def test_penalties_earned_before_the_cut_are_added_to_the_clients_bias() -> None:
    assert continued_bias({3: 1.0, 9: 2.0}, [3, 3, 4], 0.5, 0.25) == {3: -0.25, 4: -0.75, 9: 2.0}


@given(done=TOKENS, frequency=PENALTY, presence=PENALTY)
def test_a_token_owes_its_frequency_times_its_count_and_its_presence_once(
    done: list[int], frequency: float, presence: float
) -> None:
    bias = continued_bias({}, done, frequency, presence) or {}
    if frequency or presence:
        assert bias == {token: -frequency * count - presence for token, count in Counter(done).items()}
    else:
        assert bias == {}


def test_no_seed_stays_no_seed() -> None:
    assert continued_seed(None, 5) is None


def test_an_uncut_generation_keeps_its_seed() -> None:
    assert continued_seed(7, 0) == 7


@given(seed=st.integers(-(2**63), 2**63 - 1), done=st.integers(1, 10**6))
def test_a_continued_seed_is_one_that_torch_accepts_and_vllm_does_not_read_as_none(seed: int, done: int) -> None:
    assert 0 <= (continued_seed(seed, done) or 0) < 2**63


def test_each_cut_has_another_seed() -> None:
    assert len({continued_seed(7, done) for done in range(1000)}) == 1000
