"""A batch's input, checked line by line before anything runs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from penstock.batches.batch import MOST_FAULTS, BatchFault
from penstock.batches.line import BatchLine, parse_line
from penstock.errors import ApiError, InvalidRequestError, ModelNotFoundError
from penstock.intake.new_job import pool_for
from penstock.intake.plain_line import plain_line
from penstock.json_body import utf8_fault
from penstock.request import check, parse_noting
from penstock.request.job_request import ENDPOINTS, RESPONSES
from penstock.request.responses import as_chat, parse_responses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.intake.plain_line import PlainLine
    from penstock.lines import Line
    from penstock.request import ChatBody, CompletionBody
    from penstock.settings import Settings

#: How many fields without effect are told, and how many characters of each.
MOST_IGNORED = 20
_LONGEST_IGNORED = 64
#: Longer names are remembered by their digest.
_SHORT = 40


class InputCheck:
    """What is wrong with a batch's lines, and how many there are."""

    def __init__(self, settings: Settings, pool: str, endpoint: str) -> None:
        self._settings = settings
        self._pool = pool
        self._endpoint = endpoint
        self._names = set[str | bytes]()
        self._faults = list[BatchFault]()
        #: In the order in which they were met.
        self._ignored = dict[str, None]()
        self.total = 0
        #: What the first line asks for, and all others must.
        self.model: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be told."""
        return len(self._faults) >= MOST_FAULTS or self.total > self._settings.batches.max_lines

    @property
    def faults(self) -> Sequence[BatchFault]:
        """What is wrong so far; with the last line taken, all that is told of the file."""
        most = self._settings.batches.max_lines
        if self.total > most:
            message = f"The file has more than {most:,} lines (`batches.max_lines`): split it into several batches."
            return [*self._faults, BatchFault(code="too_many_lines", message=message, param="input_file_id")]
        if not self.total:
            message = "The file has no lines: give it one JSON object per line."
            return [BatchFault(code="empty_file", message=message, param="input_file_id")]
        return self._faults

    @property
    def ignored(self) -> Sequence[str]:
        """Fields of the bodies so far that have no effect."""
        return list(self._ignored)

    def take(self, line: Line) -> None:
        """Look at the next line."""
        self.total += 1
        try:
            self._check(line)
        except ApiError as error:
            self._note(line, error.code or "invalid_request", error.message, error.param)

    def _check(self, line: Line) -> None:
        text = self._text(line)
        found = plain_line(self._endpoint, text) or parse_line(text)
        if self._is_known(found.custom_id):
            self._note(line, "duplicate_custom_id", f"custom_id {found.custom_id[:64]!r} was used before.", "custom_id")
        if found.method != "POST":
            self._note(line, "invalid_method", f"method is {found.method[:20]!r}: the only one is POST.", "method")
        if found.url != self._endpoint:
            self._note(line, *self._wrong_url(found.url))
        else:
            self._check_body(line, found)

    def _text(self, line: Line) -> bytes:
        """Raises InvalidRequestError."""
        if line.text is None:
            raise InvalidRequestError(f"The line is longer than {self._settings.ingress.max_body_bytes} bytes.")
        if not line.text.isascii():
            try:
                line.text.decode()
            except UnicodeDecodeError as error:
                raise utf8_fault(line.text, error) from None
        return line.text

    def _check_body(self, line: Line, found: BatchLine | PlainLine) -> None:
        try:
            body, ignored = _checked(self._endpoint, found)
            for name in ignored:
                if len(self._ignored) < MOST_IGNORED:
                    self._ignored[name[:_LONGEST_IGNORED]] = None
            self.model = body.model if self.model is None else self.model
            if body.model != self.model:
                self._note(
                    line,
                    "mismatched_model",
                    f"body.model is {body.model[:100]!r}, and {self.model[:100]!r} in the lines before: "
                    "a batch is of one model.",
                    "body.model",
                )
            elif pool_for(self._settings, body) != self._pool:
                # The configuration has changed since the batch was made.
                raise ModelNotFoundError(f"The model {body.model[:200]!r} is not served by this pool.", param="model")
        except ApiError as error:
            param = f"body.{error.param}" if error.param else "body"
            self._note(line, error.code or "invalid_request", error.message, param)

    def _is_known(self, custom_id: str) -> bool:
        name = custom_id if len(custom_id) <= _SHORT else hashlib.blake2b(custom_id.encode(), digest_size=16).digest()
        if name in self._names:
            return True
        self._names.add(name)
        return False

    def _wrong_url(self, url: str) -> tuple[str, str, str]:
        if url in ENDPOINTS:
            message = f"url is {url}, and the batch's endpoint is {self._endpoint}: a batch has one endpoint."
            return "mismatched_endpoint", message, "url"
        return "invalid_url", f"url is {url[:100]!r}: the batch's endpoint is {self._endpoint}.", "url"

    def _note(self, line: Line, code: str, message: str, param: str | None) -> None:
        if len(self._faults) < MOST_FAULTS:
            told = message.replace("The request body", "The line" if param is None else "The body")
            self._faults.append(BatchFault(code=code, message=told, param=param, line=line.number + 1))


def _checked(endpoint: str, found: BatchLine | PlainLine) -> tuple[ChatBody | CompletionBody, Sequence[str]]:
    """A line's body in the form that a worker takes, and its fields that are ignored. Raises ApiError.

    Whether the response that a line continues exists is checked when the line becomes a job.
    """
    if not isinstance(found, BatchLine):
        check(found.body)
        _refuse("stream", found.body.stream)
        return found.body, ()
    if endpoint != RESPONSES:
        body, ignored = parse_noting(ENDPOINTS[endpoint], bytes(found.body))
        _refuse("stream", body.stream)
        return body, ignored
    asked = parse_responses(bytes(found.body))
    _refuse("stream", asked.body.stream)
    _refuse("background", asked.body.background)
    return as_chat(asked).body, asked.ignored


def _refuse(param: str, value: bool | None) -> None:  # noqa: FBT001 - a field's value
    if value:
        raise InvalidRequestError(
            f"{param} must be false: the answers of a batch are read from its files.", param=param
        )
