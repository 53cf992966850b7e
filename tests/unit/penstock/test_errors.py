"""The error tree: one class, one status, one answer to `shall I try again?`."""

from __future__ import annotations

import pytest

from penstock import errors
from penstock.errors import ApiError, BrokerFullError, BrokerUnavailableError, EngineFailedError, PenstockError, by_name

API_ERRORS = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, ApiError) and value is not ApiError
]

STATUSES = {
    "InvalidRequestError": (400, "invalid_request_error", None),
    "ContextLengthError": (400, "invalid_request_error", "context_length_exceeded"),
    "UnauthorizedError": (401, "invalid_request_error", "invalid_api_key"),
    "ModelNotFoundError": (404, "invalid_request_error", "model_not_found"),
    "BodyTooLargeError": (413, "invalid_request_error", "request_too_large"),
    "QueueFullError": (429, "rate_limit_exceeded", "rate_limit_exceeded"),
    "OverloadedError": (503, "server_error", "server_is_overloaded"),
    "WorkerLostError": (502, "worker_lost", "worker_lost"),
    "RunTimeoutError": (504, "timeout", "run_timeout"),
}


@pytest.mark.parametrize("cls", API_ERRORS)
def test_the_body_is_the_openai_error_object_with_all_four_keys(cls: type[ApiError]) -> None:
    assert cls("Oh.", param="stop").body == {
        "error": {"message": "Oh.", "type": cls.type, "param": "stop", "code": cls.code}
    }


@pytest.mark.parametrize(("name", "expected"), STATUSES.items())
def test_clients_get_the_documented_status_type_and_code(name: str, expected: tuple[int, str, str | None]) -> None:
    cls = by_name(name)
    assert (cls.status, cls.type, cls.code) == expected


@pytest.mark.parametrize("cls", API_ERRORS)
def test_a_failure_finds_its_class_again_by_name(cls: type[ApiError]) -> None:
    assert by_name(cls.__name__) is cls


def test_an_unknown_failure_is_the_engines() -> None:
    assert by_name("NoSuchError") is EngineFailedError


@pytest.mark.parametrize("cls", API_ERRORS)
def test_a_wrong_request_stays_wrong(cls: type[ApiError]) -> None:
    if cls.retryable:
        assert cls.status in {408, 429} or cls.status >= 500


@pytest.mark.parametrize("cls", API_ERRORS)
def test_every_status_is_an_error(cls: type[ApiError]) -> None:
    assert 400 <= cls.status < 600
    assert cls.status != 422


def test_a_full_redis_is_an_unavailable_one() -> None:
    assert issubclass(BrokerFullError, BrokerUnavailableError)
    assert issubclass(BrokerUnavailableError, PenstockError)


def test_an_error_keeps_when_to_come_back() -> None:
    error = errors.QueueFullError("Full.", retry_after_s=7)
    assert (str(error), error.retry_after_s) == ("Full.", 7)
