"""The input of one run: what kind of file it is, and the requests that it becomes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from penstock.cli.batch_input.form import Form, form_of
from penstock.cli.batch_input.rows import TEXT_COLUMN, Rows, rows_of
from penstock.cli.batch_input.template import Template
from penstock.cli.batch_input.terms import ENDPOINT, Terms, request_line
from penstock.cli.batch_input.text_file import TextLine, first_line, text_lines
from penstock.errors import SettingsError

_CHUNK_BYTES = 1 << 20


class _Request(Struct):
    """What has to be known of a request before it is sent."""

    custom_id: str = ""
    url: str = ""


_decoder = msgspec.json.Decoder(_Request)


class BatchInput:
    """An open file with what is asked of it; nothing of it stays in memory."""

    def __init__(self, file: BinaryIO, terms: Terms) -> None:
        """Raises SettingsError where the file and the options do not go together."""
        self.file = file
        self.terms = terms
        first = first_line(file)
        self.form = form_of(file.name, first.text)
        #: What all its requests are sent to.
        self.endpoint = ENDPOINT
        if self.form is Form.REQUESTS:
            self._require_no_options()
            self.endpoint = _url_of(file.name, first)
        else:
            self._template, _ = self._prepared()

    @property
    def is_converted(self) -> bool:
        """Whether its requests are yet to be made of it."""
        return self.form is not Form.REQUESTS

    def digest(self, *others: str) -> str:
        """Tells this content with these options, and others besides, from any other."""
        digest = hashlib.sha256(msgspec.json.encode((self.form, self.terms, others), order="sorted"))
        self.file.seek(0)
        while chunk := self.file.read(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def write_requests(self, target: BinaryIO, model: str) -> None:
        """Write requests to this model, each on the line that its row is on; blank lines are between where rows are.

        So a server that finds fault with a line calls it as an editor does. Raises SettingsError for a row that is
        none.
        """
        template, table = self._prepared()
        terms = msgspec.structs.replace(self.terms, model=model)
        written = 0
        for row in table.rows:
            target.write(b"\n" * (row.line - 1 - written))
            target.write(request_line(row.line, template.filled(row.values), terms))
            written = row.line
        if not written:
            raise SettingsError(f"{self.file.name} has a heading and no row: there is nothing to ask.")

    def custom_ids(self) -> Iterator[str]:
        """The names of all requests, in their order. Raises SettingsError."""
        if self.form is Form.REQUESTS:
            return (_decoded(self.file.name, line).custom_id for line in text_lines(self.file) if not line.is_blank)
        return (f"line-{row.line}" for row in rows_of(self.file, self.form).rows)

    def _prepared(self) -> tuple[Template, Rows]:
        table = rows_of(self.file, self.form)
        if self.terms.prompt is None and self.form.is_table:
            raise SettingsError(
                "--prompt: say what to ask of each row, with {column} for a value of it; there is "
                f"{', '.join(f'{{{name}}}' for name in table.columns)}."
            )
        template = Template(f"{{{TEXT_COLUMN}}}" if self.terms.prompt is None else self.terms.prompt)
        template.require(table.columns)
        return template, table

    def _require_no_options(self) -> None:
        if given := self.terms.options:
            raise SettingsError(
                f"{given[0]}: it is for plain text (.txt) and CSV (.csv); {self.file.name} holds requests, each of "
                "which says that itself."
            )


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file of the user's, to be read. Raises SettingsError."""
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - below
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}.") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SettingsError(f"{name}: it is no file; a batch is read more than once.")
        yield file


def _url_of(name: str, line: TextLine) -> str:
    url = _decoded(name, line).url
    if not url:
        raise SettingsError(
            f"{name}, line {line.number}: it has no url; a line is a request such as "
            '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.'
        )
    return url


def _decoded(name: str, line: TextLine) -> _Request:
    try:
        return _decoder.decode(line.text)
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"{name}, line {line.number}: it is no request: {error}. For plain text, use a name that ends with .txt."
        ) from None
