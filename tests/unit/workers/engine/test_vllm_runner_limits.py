from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from penstock.errors import InvalidRequestError
from workers.engine.vllm.runner_limits import RunnerLimits

LIMITS = RunnerLimits(allowed_tokens=3, stop_tokens=2, biased_tokens=2, bad_word_tokens=4)


def params(**changes: Any) -> Any:
    fitting = {
        "allowed_token_ids": [1, 2, 3],
        "min_tokens": 1,
        "all_stop_token_ids": {0, 1},
        "bad_words_token_ids": [[1, 2], [3, 4]],
        "logit_bias": {1: 1.0, 2: -1.0},
    }
    return SimpleNamespace(**fitting | changes)


def test_what_fits_passes() -> None:
    LIMITS.check(params())
    LIMITS.check(params(allowed_token_ids=None, bad_words_token_ids=None))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("allowed_token_ids", {"allowed_token_ids": [1, 2, 3, 4]}),
        ("stop_token_ids", {"all_stop_token_ids": {0, 1, 2}}),
        ("bad_words", {"bad_words_token_ids": [[1, 2], [3, 4, 5]]}),
    ],
)
def test_what_would_end_the_engine_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{field} has at most") as refused:
        LIMITS.check(params(**changes))
    assert refused.value.param == field


def test_stop_tokens_count_only_where_they_must_wait() -> None:
    LIMITS.check(params(all_stop_token_ids=set(range(9)), min_tokens=0))


def test_of_too_many_biases_the_strongest_stay() -> None:
    continued = params(logit_bias={1: 0.5, 2: -100.0, 3: -1.5, 4: 1.0})
    LIMITS.trim(continued)
    assert continued.logit_bias == {2: -100.0, 3: -1.5}


@pytest.mark.parametrize("bias", [None, {}, {1: 0.5, 2: 0.1}])
def test_biases_that_fit_stay_as_they_are(bias: dict[int, float] | None) -> None:
    fitting = params(logit_bias=bias)
    LIMITS.trim(fitting)
    assert fitting.logit_bias is bias
