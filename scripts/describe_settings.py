"""Writes what is said of settings elsewhere: the tables of docs/configuration.md and the schema that editors read.

Run it with the virtual environment's Python after changing a setting or one of an engine's options.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.settings.catalogue import sections
from penstock.settings.kinds import MAPPING, expected, written
from penstock.settings.schema import json_schema
from penstock.settings.sections import Section
from workers.engine.registry import option_types

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "penstock" / "builtin" / "penstock.schema.json"
#: Options that an engine takes over from its pool, where they are set.
INHERITED = {"model", "slots"}
#: A comment that names a table, and the table below it.
_TABLE = re.compile(r"<!-- settings: (?P<name>.+) -->\n(?:\|.*\n)*")
#: Setting, what it takes, its default, what it does.
Row = tuple[str, str, str, str]


def page(text: str) -> str:
    """The page with its tables as the settings are now."""
    tables = dict(_tables())
    return _TABLE.sub(lambda found: f"<!-- settings: {found['name']} -->\n{_table(tables[found['name']])}", text)


def schema() -> str:
    """What `penstock config schema` prints."""
    return json.dumps(json_schema(option_types()), indent=2) + "\n"


def _tables() -> Iterator[tuple[str, list[Row]]]:
    for path, section in sections():
        yield path, list(_settings(path, section))
    definitions = json_schema(option_types())["$defs"]
    for engine, kind in option_types().items():
        yield f"options of {engine}", list(_options(definitions[kind.__name__]["properties"]))


def _settings(path: str, section: type[Section]) -> Iterator[Row]:
    for name, field in section.model_fields.items():
        default = "required" if field.is_required() else _default(field.default)
        yield f"{path}.{name}", expected(field), default, field.description or ""


def _options(properties: dict[str, Any]) -> Iterator[Row]:
    for name, option in properties.items():
        if name not in INHERITED:
            yield f"pools.NAME.options.{name}", _takes(option), _default(option["default"]), option["description"]


def _takes(option: dict[str, Any]) -> str:
    """What an option takes, in the words that settings have for it."""
    kind = option["anyOf"][0] if "anyOf" in option else option
    least = f" of at least {kind['minimum']:g}" if "minimum" in kind else ""
    words = {
        "integer": f"a whole number{least}",
        "number": f"a number{least}",
        "boolean": "true or false",
        "string": "a text",
        "array": "a list of texts",
    }
    return words.get(kind.get("type", ""), MAPPING)


def _default(value: object) -> str:
    if value is None or value in ((), [], {}, ""):
        return "none"
    plain = value.value if isinstance(value, enum.Enum) else value
    return f"`{', '.join(map(written, plain)) if isinstance(plain, list | tuple) else written(plain)}`"


def _table(rows: list[Row]) -> str:
    lines = [f"| `{setting}` | {takes} | {default} | {what} |" for setting, takes, default, what in rows]
    return "\n".join(["| setting | takes | default | what it does |", "| --- | --- | --- | --- |", *lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    SCHEMA.write_text(schema())
