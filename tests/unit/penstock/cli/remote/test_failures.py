from __future__ import annotations

from typing import Any

import pytest

from penstock.cli.remote.failures import WrongRequestError, refusal
from penstock.errors import SettingsError


def error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "x", "param": None, "code": None}}


def test_a_refusal_is_the_servers_own_sentence() -> None:
    found = refusal(404, {}, error("There is no job 'sim-1'."), has_key=True)

    assert str(found) == "There is no job 'sim-1'."
    assert found is not None
    assert not found.may_pass


def test_it_says_when_to_try_again() -> None:
    found = refusal(429, {"x-should-retry": "true", "retry-after": "7"}, error("The queue is full."), has_key=True)

    assert str(found) == "The queue is full. Try again in 7 s."
    assert found is not None
    assert (found.may_pass, found.retry_after_s) == (True, 7)


@pytest.mark.parametrize(
    ("has_key", "what"), [(True, "does not know this API key"), (False, "asks for an API key")], ids=str
)
def test_a_key_that_is_none_or_another_is_said_to_come_from_a_variable(what: str, *, has_key: bool) -> None:
    found = refusal(401, {}, error("No."), has_key=has_key)
    assert str(found) == f"The server {what}: set PENSTOCK_API_KEY to one of its ingress.api_keys."


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_wrong_request_is_a_wrong_command_line(status: int) -> None:
    found = refusal(status, {}, error("class knows no 'express'."), has_key=True)

    assert isinstance(found, WrongRequestError)
    assert isinstance(found, SettingsError)


@pytest.mark.parametrize("body", [None, [], {}, {"error": "no"}, {"error": {"message": 1}}, "text"])
def test_what_has_another_form_is_not_penstocks(body: Any) -> None:
    assert refusal(404, {}, body, has_key=False) is None
