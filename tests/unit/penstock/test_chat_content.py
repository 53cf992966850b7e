from __future__ import annotations

import pytest

from penstock.chat_content import with_plain_content
from penstock.errors import InvalidRequestError


def test_text_parts_are_joined_by_line_breaks() -> None:
    parts = [{"type": "text", "text": "one"}, "two", {"type": "text", "text": "three"}]
    assert with_plain_content([{"role": "user", "content": parts}]) == [{"role": "user", "content": "one\ntwo\nthree"}]


def test_missing_content_is_empty() -> None:
    assert [message["content"] for message in with_plain_content([{"role": "a"}, {"role": "b", "content": None}])] == [
        "",
        "",
    ]


@pytest.mark.parametrize("part", [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text"}, {}, 7])
def test_anything_but_text_is_refused_with_its_place(part: object) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        with_plain_content([{"role": "user", "content": "fine"}, {"role": "user", "content": ["fine", part]}])
    assert refused.value.param == "messages[1].content[1]"


def test_the_messages_themselves_stay_as_they_are() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "x"}]}
    with_plain_content([message])
    assert message["content"] == [{"type": "text", "text": "x"}]
