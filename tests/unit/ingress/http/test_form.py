"""Forms are cut alike however they come."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.http.form import MAX_PARTS, FormPart, FormReader
from penstock.errors import InvalidRequestError

FILE = b"\r\n--almost\r\n--bound\nary\r" * 3
FORM = (
    b'--boundary\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b"--boundary\r\ncontent-type: text/plain\r\n"
    b'content-disposition: form-data; filename="gr\xc3\xb6\xc3\x9fe"; name=file\r\n\r\n' + FILE + b"\r\n"
    b'--boundary\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--boundary--\r\n'
)


def parts(reader: FormReader, chunks: list[bytes]) -> list[tuple[FormPart, bytes]]:
    """Each part with all of its content."""
    found: dict[int, tuple[FormPart, bytes]] = {}
    for chunk in chunks:
        for part, data in reader.feed(chunk):
            found[id(part)] = (part, found.get(id(part), (part, b""))[1] + data)
    return list(found.values())


@given(st.lists(st.integers(0, len(FORM)), max_size=8))
def test_a_form_is_read_however_it_is_cut(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(FORM)]
    reader = FormReader(b"boundary")
    chunks = [FORM[begin:end] for begin, end in itertools.pairwise(at)]
    assert parts(reader, chunks) == [
        (FormPart("purpose", None), b"batch"),
        (FormPart("file", "größe"), FILE),
        (FormPart("empty", None), b""),
    ]
    reader.close()


@pytest.mark.parametrize(
    "form",
    [
        b"no form",
        b"--other\r\n",
        b"--boundary\r\n\r\nno head\r\n--boundary--\r\n",
        b"--boundary\r\ncontent-disposition: form-data\r\n\r\n\r\n--boundary--\r\n",
        b'--boundary\r\ncontent-disposition: form-data; name="\xff"\r\n\r\n\r\n--boundary--\r\n',
        b"--boundary\r\n" + b"x" * 100_000,
        b"--boundary\r\n" + b"x: y\r\n" * 1000,
    ],
)
def test_what_is_no_form_is_refused(form: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        list(FormReader(b"boundary").feed(form))


def test_a_form_has_an_end() -> None:
    reader = FormReader(b"boundary")
    list(reader.feed(FORM[:-10]))
    with pytest.raises(InvalidRequestError, match="its last boundary is missing"):
        reader.close()


def test_a_form_has_few_parts() -> None:
    part = b'--boundary\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    with pytest.raises(InvalidRequestError, match=f"more than {MAX_PARTS} parts"):
        list(FormReader(b"boundary").feed(part * (MAX_PARTS + 1) + b"--boundary--"))


def test_a_boundary_may_be_too_long() -> None:
    with pytest.raises(InvalidRequestError):
        FormReader(b"x" * 5000)
