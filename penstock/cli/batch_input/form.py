"""What kind of file an input is, by its name and by how it begins."""

from __future__ import annotations

import enum
from pathlib import PurePath


class Form(enum.StrEnum):
    """What a file holds."""

    #: A request per line, as the batch API takes them.
    REQUESTS = "requests"
    #: A prompt per line.
    TEXT = "text"
    #: A heading, and a row per prompt.
    CSV = "csv"
    TSV = "tsv"

    @property
    def is_table(self) -> bool:
        """Whether its rows have columns with names."""
        return self in DELIMITERS


DELIMITERS = {Form.CSV: ",", Form.TSV: "\t"}
_BY_SUFFIX = {
    ".jsonl": Form.REQUESTS,
    ".ndjson": Form.REQUESTS,
    ".json": Form.REQUESTS,
    ".csv": Form.CSV,
    ".tsv": Form.TSV,
    ".txt": Form.TEXT,
}


def form_of(name: str, first_line: str) -> Form:
    """What a file of that name holds; a name that does not tell leaves it to the first line that is not blank."""
    known = _BY_SUFFIX.get(PurePath(name).suffix.lower())
    if known is not None:
        return known
    is_request = first_line.lstrip().startswith("{") and '"custom_id"' in first_line
    return Form.REQUESTS if is_request else Form.TEXT
