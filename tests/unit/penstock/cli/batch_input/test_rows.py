from __future__ import annotations

import pytest

from penstock.cli.batch_input.form import Form
from penstock.cli.batch_input.rows import Row, rows_of
from penstock.cli.batch_input.text_file import LONGEST_LINE_BYTES
from penstock.errors import SettingsError
from tests.harness.named_file import NamedFile


def rows(content: bytes, form: Form = Form.CSV) -> list[Row]:
    return list(rows_of(NamedFile("given", content), form).rows)


def test_each_line_of_a_text_is_a_row_under_the_number_that_an_editor_gives_it() -> None:
    assert rows(b"\xef\xbb\xbfone\r\n\n  \n  two \nthree", Form.TEXT) == [
        Row(1, {"text": "one"}),
        Row(4, {"text": "  two "}),
        Row(5, {"text": "three"}),
    ]


def test_each_record_of_a_table_is_a_row_with_its_columns_under_the_line_where_it_begins() -> None:
    content = b'\xef\xbb\xbfname, city\r\nAda,London\r\n\r\n"Grace\nBrewster","New ""York"""\n,\nAlan,\n'
    assert rows(content) == [
        Row(2, {"name": "Ada", "city": "London"}),
        Row(4, {"name": "Grace\nBrewster", "city": 'New "York"'}),
        Row(7, {"name": "Alan", "city": ""}),
    ]


def test_a_table_may_be_separated_by_tabs() -> None:
    assert rows(b"name\tsaid\nAda\tHello, world\n", Form.TSV) == [Row(2, {"name": "Ada", "said": "Hello, world"})]


def test_a_value_may_be_longer_than_the_csv_module_takes_by_itself() -> None:
    assert len(rows(b"text\n" + b"a" * 1_000_000)[0].values["text"]) == 1_000_000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "given is empty: there is nothing to ask."),
        (b"\n\n", "given is empty: there is nothing to ask."),
        (b"a,b,a\n", "given, line 1: two columns are called 'a'; rename one."),
        (b"a,b\n1,2\n\n3\n", "given, line 4: it has 1 value, and there are 2 columns (a, b)."),
        (b"a,b\n1,2,3\n", "given, line 2: it has 3 values, and there are 2 columns (a, b); a value that has the"),
        (b"a;b\n1;2\n", "given, line 1: ';' stands between its columns; in a .csv it is a comma, in a .tsv a tab."),
        (b"a\tb\n1\t2\n", "given, line 1: '\\t' stands between its columns; in a .csv it is a comma"),
        (b'a\n"x"y\n', "given, line 2: it is not valid CSV: ',' expected after '\"'."),
        (b'a\n1\n"x\n\n', "given, line 3: it is not valid CSV: unexpected end of data."),
        (b"a\nf\xfcr\n", "given, line 2: it is not text in UTF-8 (byte 2 of the line); save the file as UTF-8."),
    ],
)
def test_what_is_no_table_is_told_with_its_line(content: bytes, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        rows(content)
    assert str(raised.value).startswith(sentence)


def test_a_line_without_an_end_in_sight_is_not_read_whole() -> None:
    with pytest.raises(SettingsError, match=r"^given, line 2: it has more than 16 MiB\.$"):
        rows(b"one\n" + b"a" * (LONGEST_LINE_BYTES + 1), Form.TEXT)
