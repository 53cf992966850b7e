"""What of an upload's form is the file, whichever way round its fields come."""

from __future__ import annotations

import itertools

import pytest

from ingress.http.form import FormPart
from ingress.intake.upload_form import UploadForm
from penstock.errors import BodyTooLargeError, InvalidRequestError
from penstock.files.file import Purpose
from penstock.files.request import MAX_FIELD_BYTES

FILE, PURPOSE = FormPart("file", "a.jsonl"), FormPart("purpose", None)
PARTS = {FILE: [b"", b"{}\n", b"{}"], PURPOSE: [b"", b"bat", b"ch"], FormPart("colour", None): [b"red"]}


def filled(*parts: tuple[FormPart, bytes], max_bytes: int = 100) -> tuple[UploadForm, bytes]:
    form = UploadForm(max_bytes)
    return form, b"".join([form.take(part, data) for part, data in parts])


@pytest.mark.parametrize("order", list(itertools.permutations(PARTS)))
def test_fields_come_in_any_order(order: tuple[FormPart, ...]) -> None:
    form, content = filled(*((part, data) for part in order for data in PARTS[part]))
    asked = form.request()
    assert content == b"{}\n{}"
    assert (form.filename, form.bytes, form.lines) == ("a.jsonl", 5, 2)
    assert (asked.purpose, asked.ignored) == (Purpose.BATCH, ["colour"])


def test_a_file_is_no_longer_than_it_may_be() -> None:
    filled((FILE, b"x" * 100))
    with pytest.raises(BodyTooLargeError, match=r"larger than 100 bytes \(files.max_bytes\)"):
        filled((FILE, b"x" * 60), (FILE, b"x" * 41))


def test_a_field_is_short() -> None:
    with pytest.raises(InvalidRequestError, match=f"purpose: a field may have {MAX_FIELD_BYTES} bytes"):
        filled((PURPOSE, b"x" * MAX_FIELD_BYTES), (PURPOSE, b"x"))


def test_nothing_that_means_something_is_there_twice() -> None:
    for part in (FILE, PURPOSE):
        again = FormPart(part.name, part.filename)
        with pytest.raises(InvalidRequestError, match=f"{part.name}: is there twice"):
            filled((part, b""), (again, b""))
    other, again = FormPart("colour", None), FormPart("colour", None)
    form, _ = filled((other, b"red"), (again, b"blue"), (PURPOSE, b"batch"), (FILE, b""))
    assert form.request().ignored == ["colour"]


def test_what_is_wrong_before_the_file_is_told_before_it_is_read() -> None:
    with pytest.raises(InvalidRequestError, match="purpose"):
        filled((PURPOSE, b"vision"), (FILE, b""))


def test_a_file_is_needed() -> None:
    form, _ = filled((PURPOSE, b"batch"))
    with pytest.raises(InvalidRequestError, match="file: missing"):
        form.request()


def test_a_text_is_no_file() -> None:
    with pytest.raises(InvalidRequestError, match="this is a text"):
        filled((FormPart("file", None), b"{}"))


def test_a_field_is_utf_8() -> None:
    form, _ = filled((FormPart("\N{SNOWMAN}", None), b"\xff"), (FILE, b""))
    with pytest.raises(InvalidRequestError, match="is not UTF-8"):
        form.request()
