from __future__ import annotations

import io
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from penstock.cli.remote.multipart import form
from penstock.errors import SettingsError


def parts(content: Any) -> list[Any]:
    """The parts of a form, as Python's own parser for MIME reads it."""
    data = b"".join(content.parts)
    assert len(data) == content.bytes
    head = f"content-type: {content.kind}\r\n\r\n".encode()
    return list(BytesParser(policy=HTTP).parsebytes(head + data).iter_parts())


def test_a_form_has_its_fields_and_then_its_file() -> None:
    text = b"one\r\ntwo\n--\x00" * 50_000
    purpose, file = parts(form({"purpose": "batch"}, "a.jsonl", io.BytesIO(text), len(text)))
    assert purpose.get_param("name", header="content-disposition") == "purpose"
    assert purpose.get_payload() == "batch"
    assert file.get_filename() == "a.jsonl"
    assert file.get_payload(decode=True) == text


@pytest.mark.parametrize(("name", "told"), [('a"b', "a%22b"), ("a\r\nb", "a%0D%0Ab"), ("a\udcff", "a?")])
def test_no_name_of_a_file_ends_its_field(name: str, told: str) -> None:
    assert f'filename="{told}"\r\n'.encode() in b"".join(form({}, name, io.BytesIO(b""), 0).parts)


def test_what_is_appended_meanwhile_is_not_sent() -> None:
    (file,) = parts(form({}, "a", io.BytesIO(b"onetwo"), 3))
    assert file.get_payload(decode=True) == b"one"


def test_a_file_that_becomes_shorter_is_not_sent_as_if_it_were_whole() -> None:
    short = io.BytesIO(b"on")
    short.name = "a"
    with pytest.raises(SettingsError, match=r"^a became shorter while it was sent\.$"):
        b"".join(form({}, "a", short, 3).parts)
