"""Plain text and CSV as rows: what a prompt's placeholders stand for, one row at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from msgspec import Struct

from penstock.cli.batch_input.form import DELIMITERS, Form
from penstock.cli.batch_input.text_file import LONGEST_LINE_BYTES, TextLine, text_lines
from penstock.errors import SettingsError

#: What the line of a plain text is called in a prompt.
TEXT_COLUMN = "text"
#: What spreadsheets write between values where they write no comma.
_OTHERS = frozenset(";\t")


class Row(Struct, frozen=True):
    """What one prompt is made of."""

    #: Where it begins in the file, from 1.
    line: int
    values: Mapping[str, str]


class Rows(Struct, frozen=True):
    """A file's rows, which can be gone through once."""

    columns: Sequence[str]
    rows: Iterator[Row]


def rows_of(file: BinaryIO, form: Form) -> Rows:
    """The rows of a plain text or a table. Raises SettingsError for a heading that is none; its rows raise it, too."""
    if form.is_table:
        return _table(file, DELIMITERS[form])
    return Rows((TEXT_COLUMN,), _texts(file))


def _texts(file: BinaryIO) -> Iterator[Row]:
    for line in text_lines(file):
        if not line.is_blank:
            yield Row(line.number, {TEXT_COLUMN: line.text.rstrip("\r\n")})


def _table(file: BinaryIO, delimiter: str) -> Rows:
    records = _records(file, delimiter)
    heading = next(records, None)
    if heading is None:
        raise SettingsError(f"{file.name} is empty: there is nothing to ask.")
    columns = [name.strip() for name in heading.fields]
    if delimiter == "," and len(columns) == 1 and (other := _OTHERS & set(columns[0])):
        raise SettingsError(
            f"{file.name}, line {heading.line}: {min(other)!r} stands between its columns; in a .csv it is a comma, "
            "in a .tsv a tab."
        )
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise SettingsError(f"{file.name}, line {heading.line}: two columns are called {repeated!r}; rename one.")
    return Rows(columns, _rows(file.name, columns, records))


def _rows(name: str, columns: Sequence[str], records: Iterator[_Record]) -> Iterator[Row]:
    for record in records:
        if len(record.fields) != len(columns):
            hint = (
                "; a value that has the delimiter inside stands in quotes" if len(record.fields) > len(columns) else ""
            )
            values = "1 value" if len(record.fields) == 1 else f"{len(record.fields)} values"
            raise SettingsError(
                f"{name}, line {record.line}: it has {values}, and there are {len(columns)} "
                f"columns ({', '.join(columns)}){hint}."
            )
        yield Row(record.line, dict(zip(columns, record.fields, strict=True)))


class _Record(Struct, frozen=True):
    line: int
    fields: list[str]


def _records(file: BinaryIO, delimiter: str) -> Iterator[_Record]:
    """What the csv module finds that is not blank; a value in quotes may go over several lines."""
    # It is the module's own, and has no meaning for anything else here.
    csv.field_size_limit(LONGEST_LINE_BYTES)
    reader = csv.reader(_texts_of(text_lines(file)), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise SettingsError(f"{file.name}, line {line}: it is not valid CSV: {error}.") from None
        if fields is None:
            return
        if any(map(str.strip, fields)):
            yield _Record(line, fields)


def _texts_of(lines: Iterator[TextLine]) -> Iterator[str]:
    return (line.text for line in lines)
