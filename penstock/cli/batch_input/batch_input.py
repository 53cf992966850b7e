"""The input of one run: what kind of file it is, and the requests that it becomes."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
from msgspec import Struct

from penstock.cli.batch_input.form import Form, form_of
from penstock.cli.batch_input.rows import TEXT_COLUMN, Rows, rows_of
from penstock.cli.batch_input.template import Template
from penstock.cli.batch_input.terms import ENDPOINT, Terms, request_line
from penstock.cli.batch_input.text_file import TextLine, first_line, from_one, text_lines
from penstock.errors import SettingsError
from penstock.request.job_request import ENDPOINTS

T = TypeVar("T")

_CHUNK_BYTES = 1 << 20


class _Body(Struct):
    model: Any = None


class _Request(Struct):
    """What has to be known of a request before it is sent."""

    custom_id: str = ""
    url: str = ""
    body: _Body | None = None


class _Named(Struct):
    custom_id: str = ""


_decoder = msgspec.json.Decoder(_Request)
_names = msgspec.json.Decoder(_Named)


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
        #: The model, as far as the file or the options name one, and where they do.
        self.model, self.model_source = terms.model, "--model"
        if self.form is Form.REQUESTS:
            self._require_no_options()
            request = _decoded(_decoder, file.name, first)
            where = f"{file.name}, line {first.number}"
            self.endpoint = _endpoint(request.url, where)
            model = request.body and request.body.model
            # What is no name the server says, of each line.
            self.model, self.model_source = model if isinstance(model, str) else None, where
        else:
            self._prepared()

    @property
    def is_converted(self) -> bool:
        """Whether its requests are yet to be made of it."""
        return self.form is not Form.REQUESTS

    def digest(self) -> str:
        """Tells this content from any other."""
        digest = hashlib.sha256(self.form.encode())
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
            return (
                _decoded(_names, self.file.name, line).custom_id for line in text_lines(self.file) if not line.is_blank
            )
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
        for option in self.terms.options:
            raise SettingsError(
                f"{option}: it is for plain text (.txt) and CSV (.csv); {self.file.name} holds requests, each of which "
                "says that itself."
            )


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file of the user's, to be read. Raises SettingsError."""
    if name == "-":
        raise SettingsError("-: standard input cannot be read again when a run goes on; write it to a file first.")
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - below
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}.") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SettingsError(f"{name}: it is no file; a batch is read more than once.")
        yield file


def _endpoint(url: str, where: str) -> str:
    if not url:
        raise SettingsError(
            f"{where}: it has no url; a line is a request such as "
            '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.'
        )
    if url not in ENDPOINTS:
        raise SettingsError(f"{where}: its url is {url[:100]!r}; give one of {', '.join(ENDPOINTS)}.")
    return url


def _decoded(decoder: msgspec.json.Decoder[T], name: str, line: TextLine) -> T:
    try:
        return decoder.decode(line.text)
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"{name}, line {line.number}: it is no request: {from_one(error)}. {_advice(name, line)}"
        ) from None


def _advice(name: str, line: TextLine) -> str:
    """How a file becomes one of requests."""
    begin = line.text.lstrip()[:1]
    if begin == "[":
        return f"Requests are one object per line, not an array: `jq -c '.[]' {shlex.quote(name)}` writes them so."
    if begin == "{":
        return "Each request is an object on a line of its own."
    return "For plain text, use a name that ends with .txt."
