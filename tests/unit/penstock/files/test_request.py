"""What may be asked with an upload."""

from __future__ import annotations

import pytest

from penstock.errors import InvalidRequestError
from penstock.files.file import Purpose
from penstock.files.request import filename_of, parse_upload

ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"


def test_a_purpose_is_enough() -> None:
    asked = parse_upload({"purpose": "batch", "colour": "red"})
    assert (asked.purpose, asked.expire_s, asked.ignored) == (Purpose.BATCH, None, ["colour"])


def test_an_expiry_is_counted_from_the_files_making() -> None:
    assert parse_upload({"purpose": "batch", ANCHOR: "created_at", SECONDS: "3600"}).expire_s == 3600


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "purpose"),
        ({"purpose": "fine-tune"}, "purpose"),
        ({"purpose": "batch_output"}, "purpose"),
        ({"purpose": "batch", SECONDS: "3600"}, ANCHOR),
        ({"purpose": "batch", ANCHOR: "now", SECONDS: "3600"}, ANCHOR),
        ({"purpose": "batch", ANCHOR: "created_at"}, SECONDS),
        *(
            ({"purpose": "batch", ANCHOR: "created_at", SECONDS: seconds}, SECONDS)
            for seconds in ("3599", "2592001", "-1", "1e4", "٣٦٠٠", "9" * 5000)
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_upload(fields)
    assert refusal.value.param == param
    assert refusal.value.message.startswith(param)


def test_a_purpose_that_nothing_is_uploaded_for_says_which_there_are() -> None:
    with pytest.raises(InvalidRequestError, match="'fine-tune'; what can be uploaded is for: batch"):
        parse_upload({"purpose": "fine-tune"})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.jsonl", "a.jsonl"),
        ("C:\\Users\\ada\\a.jsonl", "a.jsonl"),
        ("../../etc/passwd", "passwd"),
        ("größe 1.jsonl", "größe 1.jsonl"),
    ],
)
def test_a_filename_has_no_folders(given: str, name: str) -> None:
    assert filename_of(given) == name


@pytest.mark.parametrize("given", [None, "", " ", "folder/", "a\r\nb", "x" * 256])
def test_a_filename_that_is_none_is_refused(given: str | None) -> None:
    with pytest.raises(InvalidRequestError):
        filename_of(given)
