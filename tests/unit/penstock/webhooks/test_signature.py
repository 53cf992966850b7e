"""What we sign, the package of Standard Webhooks verifies."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from penstock.webhooks.signature import key_of, new_secret, signed_headers


@given(
    st.binary(min_size=24, max_size=64),
    st.from_regex(r"evt-[a-z0-9_]{1,20}-[0-9]{13}-[0-9]{1,3}", fullmatch=True),
    st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_what_is_signed_is_verified(key: bytes, event_id: str, payload: dict[str, str]) -> None:
    secret = f"whsec_{base64.b64encode(key).decode()}"
    body = json.dumps(payload).encode()
    headers = dict(signed_headers(event_id, int(time.time()), body, [secret]))
    assert Webhook(secret).verify(body, headers) == payload


def test_while_a_secret_is_rotated_both_verify() -> None:
    new, old = new_secret(), new_secret()
    headers = dict(signed_headers("evt-sim-1-0", int(time.time()), b"{}", [new, old]))
    assert Webhook(new).verify(b"{}", headers) == Webhook(old).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)


def test_a_new_secret_is_another_one() -> None:
    assert new_secret() != new_secret()
    assert len(key_of(new_secret())) == 32


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("abc", "whsec_"),
        ("whsec_!!!", "base64"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "23 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "65 bytes"),
    ],
)
def test_what_is_no_secret_is_told_why(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        key_of(secret)
