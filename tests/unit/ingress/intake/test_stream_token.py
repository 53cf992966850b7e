from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingress.intake.stream_token import StreamToken, claimed

SECRET = b"s" * 32
TOKEN = StreamToken("c1234", 1_800_000_000, can_cancel=False)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
TOKENS = st.builds(StreamToken, KEYS, st.integers(0, 10**11 - 1), st.booleans())


@given(TOKENS, st.text(), st.binary(min_size=1))
def test_a_token_claims_what_it_was_signed_for(token: StreamToken, job_id: str, secret: bytes) -> None:
    text = token.signed(job_id, secret)

    assert claimed(text) == token
    assert token.is_signed(text, job_id, secret)


@given(TOKENS, st.text(), st.text(), st.binary(min_size=32, max_size=32))
def test_a_token_of_another_job_or_key_is_not_signed(token: StreamToken, job: str, other: str, secret: bytes) -> None:
    text = token.signed(job, secret)

    assert token.is_signed(text, other, secret) is (job == other)
    assert token.is_signed(text, job, SECRET) is (secret == SECRET)


@given(st.data())
def test_no_character_of_a_token_can_be_changed(data: st.DataObject) -> None:
    text = TOKEN.signed("sim-1", SECRET)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters().filter(lambda other: other != text[at])) + text[at + 1 :]
    claims = claimed(changed)

    assert claims is None or not claims.is_signed(changed, "sim-1", SECRET)


def test_a_right_cannot_be_added() -> None:
    forged = TOKEN.signed("sim-1", SECRET).replace(".r.", ".rc.")
    claims = claimed(forged)

    assert claims is not None
    assert claims.can_cancel
    assert not claims.is_signed(forged, "sim-1", SECRET)


@given(st.text())
def test_anything_else_claims_nothing(text: str) -> None:
    assert claimed(text) is None or text.count(".") == 3
