from __future__ import annotations

import re

from penstock.settings.catalogue import sections
from scripts.describe_settings import PAGE, SCHEMA, page, schema
from workers.engine.registry import option_types

REWRITE = "run `python scripts/describe_settings.py`"


def test_the_page_has_a_table_of_each_section_and_of_each_engines_options() -> None:
    tables = re.findall(r"<!-- settings: (.+) -->", PAGE.read_text())
    paths = [path for path, _ in sections() if path]
    assert sorted(tables) == sorted([*paths, *(f"options of {engine}" for engine in option_types())])


def test_the_page_has_each_setting_as_it_is() -> None:
    assert page(PAGE.read_text()) == PAGE.read_text(), REWRITE


def test_the_schema_beside_the_examples_has_each_setting_as_it_is() -> None:
    assert schema() == SCHEMA.read_text(), REWRITE


def test_every_setting_says_what_it_does() -> None:
    silent = [
        f"{path}.{name}"
        for path, section in sections()
        for name, field in section.model_fields.items()
        if path and not field.description
    ]
    assert not silent
