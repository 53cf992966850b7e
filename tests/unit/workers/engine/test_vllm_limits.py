from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import ContextLengthError
from penstock.request import Sampling
from workers.engine.base import Generation
from workers.engine.vllm.limits import is_complete

CONTEXT = 100


def generation(prompt: int, done: int = 0, **sampling: Any) -> Generation:
    return Generation(id="g", prompt=[1] * prompt, done=[2] * done, sampling=Sampling(**sampling))


def test_a_fresh_generation_has_something_to_do() -> None:
    assert not is_complete(generation(99), CONTEXT)
    assert not is_complete(generation(50, max_tokens=50), CONTEXT)


def test_a_prompt_that_fills_the_context_is_refused() -> None:
    with pytest.raises(ContextLengthError, match="100 tokens; the prompt alone has 100"):
        is_complete(generation(100), CONTEXT)


def test_a_completion_beyond_the_context_ends_where_it_does() -> None:
    assert not is_complete(generation(50, done=49, max_tokens=51), CONTEXT)
    assert is_complete(generation(50, done=50, max_tokens=51), CONTEXT)


def test_a_generation_at_its_limit_is_complete() -> None:
    assert not is_complete(generation(50, done=9, max_tokens=10), CONTEXT)
    assert is_complete(generation(50, done=10, max_tokens=10), CONTEXT)


def test_a_generation_that_has_filled_the_context_is_complete() -> None:
    assert not is_complete(generation(50, done=49), CONTEXT)
    assert is_complete(generation(50, done=50), CONTEXT)
