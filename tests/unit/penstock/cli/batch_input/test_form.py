from __future__ import annotations

import pytest

from penstock.cli.batch_input.form import Form, form_of

REQUEST = '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}}'


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("prompts.jsonl", Form.REQUESTS),
        ("a.b/prompts.NDJSON", Form.REQUESTS),
        ("prompts.txt", Form.TEXT),
        ("people.csv", Form.CSV),
        ("people.TSV", Form.TSV),
    ],
)
def test_a_name_tells_what_a_file_holds(name: str, form: Form) -> None:
    assert form_of(name, REQUEST) is form


def test_where_the_name_does_not_tell_the_first_line_does() -> None:
    assert form_of("prompts", f"  {REQUEST}") is Form.REQUESTS
    assert form_of("prompts", "What is a penstock?") is Form.TEXT
    assert form_of("prompts", "{braces} are no request") is Form.TEXT
