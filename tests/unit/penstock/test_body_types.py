from __future__ import annotations

from typing import Any

import pytest

from penstock.body_types import fields_at, words_at
from penstock.errors import InvalidRequestError
from penstock.job_class import JobClass
from penstock.request import Api, parse
from penstock.request.body import ChatBody
from penstock.request.job_request import JobRequest, parse_job_request
from penstock.request.responses import parse_responses
from penstock.webhooks.request import Nothing, parse_empty, target_of


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (".class", list(JobClass)),
        (".endpoint", ["/v1/chat/completions", "/v1/completions", "/v1/responses"]),
        (".deadline_s", []),
        (".metadata[...]", []),
        (".nothing", []),
    ],
)
def test_the_words_at_a_place(path: str, words: list[str]) -> None:
    assert words_at(JobRequest, path) == words


def test_the_fields_at_a_place() -> None:
    assert fields_at(JobRequest, "")[:3] == ["endpoint", "body", "class"]
    assert "include_usage" in fields_at(ChatBody, ".stream_options")
    assert fields_at(Nothing, "") == []


def told(read: Any, *sent: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequestError) as raised:
        read(*sent)
    return raised.value.param, raised.value.message


JOB = b'{"endpoint": "/v1/completions", "body": {}, %b}'


@pytest.mark.parametrize(
    ("field", "param", "message"),
    [
        (
            b'"class": "urgent"',
            "class",
            "class: there is no 'urgent'; give one of interactive, standard, batch.",
        ),
        (
            b'"metdata": {}',
            "metdata",
            "metdata is no field; there are endpoint, body, class, deadline_s, metadata, idempotency_key, webhook.",
        ),
        (b'"metadata": {"a": 1}', "metadata", "A value in metadata must be a text, not a whole number."),
        (
            b'"metadata": {"%b": ""}' % (b"x" * 65),
            "metadata",
            "A name in metadata must have at most 64 characters.",
        ),
    ],
)
def test_a_wrong_field_of_a_job_is_told_with_what_to_write(field: bytes, param: str, message: str) -> None:
    assert told(parse_job_request, JOB % field) == (param, message)


def test_a_name_is_told_whatever_is_in_it() -> None:
    param, message = told(parse_job_request, JOB % b'"a` - at `$.b`\\n": 1')
    assert param == "a` - at `$.b`\n"
    assert message.startswith(f"{param} is no field; there are endpoint,")
    assert told(parse_job_request, JOB % (b'"%b": 1' % (b"x" * 1000)))[0] == "x" * 60


def test_words_are_listed_wherever_they_stand() -> None:
    chat = b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "service_tier": "gold"}'
    tiers = "service_tier: there is no 'gold'; give one of auto, default, flex, priority, scale."
    assert told(parse, Api.CHAT, chat) == ("service_tier", tiers)
    param, message = told(parse_responses, b'{"model": "m", "input": "x", "include": ["all"]}')
    assert (param, message.startswith("include[0]: there is no 'all'; give one of code_")) == ("include[0]", True)


def test_a_webhooks_fields_are_listed() -> None:
    sent = {"url": "https://example.com", "evnts": []}
    assert told(target_of, sent) == ("webhook", "webhook: evnts is no field; there are url, events, secret.")
    assert told(parse_empty, b'{"enabled": true}') == ("enabled", "enabled is no field; there is none.")
