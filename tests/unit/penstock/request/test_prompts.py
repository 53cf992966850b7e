"""What of a body goes into its prompt, and whether it fits."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import ContextLengthError, InvalidRequestError
from penstock.request import (
    Sampling,
    check_vocabulary,
    conversation,
    fitted,
    sampling,
    truncated,
)
from tests.unit.penstock.request.bodies import chat, completion, shortened


def test_zero_tokens_are_for_an_echo_only() -> None:
    assert sampling(completion(echo=True, max_tokens=0)).max_tokens == 0
    with pytest.raises(InvalidRequestError):
        completion(max_tokens=0)


@pytest.mark.parametrize(
    ("limit", "prompt", "expected"),
    [(None, 90, None), (5, 90, 5), (10, 90, 10), (11, 90, 10), (100, 99, 1), (0, 99, 0)],
)
def test_a_limit_beyond_the_context_is_cut_to_what_is_left(
    limit: int | None, prompt: int, expected: int | None
) -> None:
    assert fitted(Sampling(max_tokens=limit), chat(), prompt, 100).max_tokens == expected


@pytest.mark.parametrize(
    ("fields", "prompt", "param"),
    [
        ({}, 100, "messages"),
        ({"max_tokens": 100}, 100, "messages"),
        ({"max_tokens": 101}, 5, "max_tokens"),
        ({"max_completion_tokens": 101}, 5, "max_completion_tokens"),
        ({"min_tokens": 11}, 90, "min_tokens"),
    ],
)
def test_what_never_fits_the_context_names_what_was_sent(fields: dict[str, Any], prompt: int, param: str) -> None:
    body = chat(**fields)
    with pytest.raises(ContextLengthError) as caught:
        fitted(sampling(body), body, prompt, 100)
    assert (caught.value.param, caught.value.code) == (param, "context_length_exceeded")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"truncate_prompt_tokens": 2}, [3, 4]),
        ({"truncate_prompt_tokens": 2, "truncation_side": "right"}, [1, 2]),
        ({"truncate_prompt_tokens": 0}, []),
        ({"truncate_prompt_tokens": 10}, [1, 2, 3, 4]),
        ({"truncate_prompt_tokens": -1}, [1, 2, 3, 4]),
    ],
)
def test_a_prompt_is_cut_on_the_side_that_was_asked_for(fields: dict[str, Any], expected: list[int]) -> None:
    assert list(truncated([1, 2, 3, 4], completion(**fields), 10)) == expected


def test_a_prompt_is_cut_to_leave_room_for_an_answer() -> None:
    assert len(truncated(range(30), completion(truncate_prompt_tokens=-1), 10)) == 9
    with pytest.raises(InvalidRequestError, match="truncate_prompt_tokens"):
        truncated(range(30), completion(truncate_prompt_tokens=11), 10)


def test_token_ids_end_with_the_vocabulary() -> None:
    check_vocabulary(completion(prompt=[9], logit_bias={"9": 1}), [[9]], 10)
    for fields in ({"stop_token_ids": [10]}, {"logit_bias": {"10": 1}}, {"allowed_token_ids": [3, 10]}):
        with pytest.raises(InvalidRequestError) as caught:
            check_vocabulary(completion(**fields), [], 10)
        assert caught.value.param in fields
    with pytest.raises(InvalidRequestError, match="prompt holds the token id 10"):
        check_vocabulary(completion(), [[1], [10]], 10)


def test_the_effort_of_reasoning_reaches_the_template() -> None:
    given = conversation(chat(reasoning_effort="none", chat_template_kwargs={"style": "short"}))
    assert given.variables == {"style": "short", "reasoning_effort": "none", "enable_thinking": False}
    assert conversation(chat()).variables == {}


@pytest.mark.parametrize("prompt", ["Hi", [1, 2, 3], ["a", "b"], [[1], [2, 3]]], ids=shortened)
def test_a_prompt_has_four_forms(prompt: Any) -> None:
    assert completion(prompt=prompt).prompt == prompt
