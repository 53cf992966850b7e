"""What may be asked of webhooks, and what is told where it may not."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from penstock.errors import InvalidRequestError
from penstock.webhooks.request import (
    check_address,
    decode_target,
    encode_target,
    parse_empty,
    parse_subscription,
    target_of,
)

URL = "https://example.com/hook?x=1"


def test_a_url_alone_is_a_target() -> None:
    assert target_of(URL) == target_of({"url": URL})


def test_a_target_comes_back_as_it_was_kept() -> None:
    target = target_of({"url": URL, "events": ["job.failed"], "secret": "whsec_" + "eA" * 20})
    assert decode_target(encode_target(target)) == target


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com", "https://"),
        ("example.com", "https://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://user:secret@example.com", "password"),
        ("https://user@example.com", "user"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com:99999", "no URL"),
        ("https://example.com:0", "port 0"),
        ("https://exämple.com", "ASCII"),
        ("https://example.com/a b", "ASCII"),
        ("https://example.com/\r\nhost: x", "ASCII"),
        ("https://[::1", "no URL"),
    ],
)
def test_a_wrong_url_is_told_why(url: str, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why) as found:
        target_of(url)
    assert found.value.param == "webhook.url"
    with pytest.raises(InvalidRequestError) as found:
        parse_subscription(json.dumps({"url": url}).encode())
    assert found.value.param == "url"


@pytest.mark.parametrize(
    ("webhook", "param"),
    [
        ({}, "webhook"),
        ({"url": URL, "more": 1}, "webhook"),
        ({"url": 7}, "webhook"),
        ({"url": "h" * 3000}, "webhook"),
        ({"url": URL, "events": ["job.exploded"]}, "webhook.events"),
        ({"url": URL, "events": ["webhook.test"]}, "webhook.events"),
        ({"url": URL, "secret": "guessable"}, "webhook.secret"),
    ],
)
def test_a_wrong_target_is_told_where(webhook: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as found:
        target_of(webhook)
    assert found.value.param == param


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"])
def test_an_address_that_nothing_is_sent_to_is_refused_at_once(host: str) -> None:
    with pytest.raises(InvalidRequestError, match="allowed_networks"):
        check_address(f"https://{host}/x", [], "url")
    check_address(f"https://{host}/x", [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")], "url")


def test_a_name_is_looked_up_later() -> None:
    check_address("https://receiver.example/x", [], "url")
    check_address("https://localhost.example/x", [], "url")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost"])
@pytest.mark.parametrize("allowed", ["127.0.0.0/8", "::1/128"])
def test_the_name_of_this_machine_is_its_address(host: str, allowed: str) -> None:
    with pytest.raises(InvalidRequestError, match="allowed_networks"):
        check_address(f"https://{host}/x", [ipaddress.ip_network("10.0.0.0/8")], "url")
    check_address(f"https://{host}/x", [ipaddress.ip_network(allowed)], "url")


@pytest.mark.parametrize("raw", [b"", b" \n", b"{}"])
def test_a_body_may_say_nothing(raw: bytes) -> None:
    parse_empty(raw)


@pytest.mark.parametrize("raw", [b"null", b"[]", b'{"a": 1}', b"x"])
def test_a_body_that_says_something_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parse_empty(raw)
