from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.batches.line import parse_line
from penstock.cli.batch_input.terms import Terms, request_line, require_text, schema_format
from penstock.errors import SettingsError
from penstock.request.body import Api
from penstock.request.parsing import parse


def test_what_is_not_asked_for_is_not_sent() -> None:
    line = request_line(7, "Hello", Terms(model="sim"))

    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "custom_id": "line-7",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "sim", "messages": [{"role": "user", "content": "Hello"}]},
    }


def test_all_that_is_asked_for_is_a_request_that_a_server_takes(tmp_path: Path) -> None:
    schema = tmp_path / "a person's name.v2.json"
    schema.write_text('{"type": "object", "properties": {"name": {"type": "string"}}}')
    terms = Terms(
        model="sim", system="Be brief.", max_tokens=7, temperature=0.0, response_format=schema_format(str(schema))
    )
    line = parse_line(request_line(1, 'Two\nlines, "quoted" — and é', terms))
    parse(Api.CHAT, bytes(line.body))
    body = json.loads(bytes(line.body))

    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": 'Two\nlines, "quoted" — and é'},
    ]
    assert (body["max_tokens"], body["temperature"]) == (7, 0.0)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "a_person_s_name_v2",
            "schema": {"type": "object", "properties": {"name": {"type": "string"}}},
            "strict": True,
        },
    }


def test_the_options_that_were_given_are_told_as_they_are_typed() -> None:
    assert Terms().options == {}
    terms = Terms(prompt="{text}", max_tokens=1, response_format={})
    assert terms.options == {"--prompt": "{text}", "--max-tokens": 1, "--schema": {}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not valid JSON: Input data was truncated."),
        (b"[]", "is no JSON Schema: it must be an object."),
        (b"\xff", "is not valid JSON"),
        (b'{"a": ?}', "is not valid JSON: JSON is malformed: invalid character (byte 7)."),
    ],
)
def test_what_is_no_schema_is_said_to_be_none(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "schema.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        schema_format(str(file))
    assert f"--schema: {file} {sentence}" in str(raised.value)


def test_a_schema_that_no_server_takes_is_told_once_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"$ref": "#/$defs/none"}')
    with pytest.raises(SettingsError) as raised:
        schema_format(str(file))
    assert str(raised.value) == f"--schema: The schema in {file} refers to '#/$defs/none', which is not in it."


def test_a_schema_that_is_not_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--schema: .*/none: No such file or directory\.$"):
        schema_format(str(tmp_path / "none"))


def test_an_option_whose_bytes_are_no_text_is_refused() -> None:
    assert require_text("--system", "né") == "né"
    assert require_text("--system", None) is None
    with pytest.raises(SettingsError, match=r"^--system: it is not text in UTF-8\.$"):
        require_text("--system", b"\xff".decode(errors="surrogateescape"))
