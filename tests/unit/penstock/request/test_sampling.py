"""What is right in a body becomes the engine's sampling."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.request import (
    Constraint,
    sampling,
)
from tests.unit.penstock.request.bodies import chat, completion, of_schema, shortened


def test_a_bare_chat_samples_with_the_defaults() -> None:
    chosen = sampling(chat())
    assert (chosen.max_tokens, chosen.temperature, chosen.top_p, chosen.top_k, chosen.stop) == (None, 1.0, 1.0, 0, ())
    assert chosen.continuable


def test_a_bare_completion_has_sixteen_tokens() -> None:
    assert sampling(completion()).max_tokens == 16


def test_the_newer_name_of_the_token_limit_wins() -> None:
    assert sampling(chat(max_tokens=5, max_completion_tokens=7)).max_tokens == 7


def test_a_temperature_of_zero_stays_zero() -> None:
    assert sampling(chat(temperature=0)).temperature == 0.0


def test_one_stop_string_is_a_list_of_one() -> None:
    assert sampling(chat(stop="END")).stop == ("END",)


def test_top_k_of_minus_one_is_all_tokens() -> None:
    assert sampling(chat(top_k=-1)).top_k == 0


def test_bias_keys_become_token_ids() -> None:
    assert sampling(chat(logit_bias={"17": -100})).logit_bias == {17: -100.0}


SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Constraint("json_object", True, "response_format")),  # noqa: FBT003
        ({"response_format": of_schema({})}, Constraint("json", {}, "response_format")),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
            Constraint("json", SCHEMA, "response_format"),
        ),
        ({"structured_outputs": {"json": SCHEMA}}, Constraint("json", SCHEMA, "structured_outputs")),
        ({"structured_outputs": {"regex": "a+"}}, Constraint("regex", "a+", "structured_outputs")),
        ({"structured_outputs": {"choice": ["a", "b"]}}, Constraint("choice", ["a", "b"], "structured_outputs")),
        (
            {"structured_outputs": {"grammar": 'root ::= "a"'}},
            Constraint("grammar", 'root ::= "a"', "structured_outputs"),
        ),
    ],
    ids=shortened,
)
def test_a_wanted_form_becomes_a_constraint(fields: dict[str, Any], constraint: Constraint | None) -> None:
    chosen = sampling(chat(**fields))
    assert chosen.constraint == constraint
    assert chosen.continuable is (constraint is None)


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"max_tokens": 5.0}, 5), ({"seed": 1.0}, 1), ({"n": 2.0}, 2), ({"top_k": 1e3}, 1000)],
    ids=shortened,
)
def test_an_integer_may_be_written_with_a_point(fields: dict[str, Any], value: int) -> None:
    (name,) = fields
    assert getattr(chat(**fields), name) == value
    assert type(getattr(chat(**fields), name)) is int


def test_token_ids_may_be_written_with_a_point() -> None:
    body = completion(prompt=[1.0, 2.0], stop_token_ids=[3.0])
    assert (body.prompt, body.stop_token_ids) == ([1, 2], [3])
    assert completion(prompt=[[1.0], [2.0]]).prompt == [[1], [2]]


def test_several_choices_cannot_go_on_elsewhere() -> None:
    assert not sampling(chat(n=2)).continuable
