"""The JSON Schema of the configuration file, by which an editor completes and checks it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import msgspec
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema

from penstock.settings.catalogue import sections
from penstock.settings.kinds import LIST, MAPPING, EngineName, expected
from penstock.settings.sections import PoolSettings, Section, Settings

#: The structs that the engines' options are converted to.
OptionTypes = Mapping[EngineName, type[msgspec.Struct]]
_REFERENCE = "#/$defs/{name}"


def json_schema(options: OptionTypes | None = None) -> dict[str, Any]:
    """The schema of a configuration file, of draft 2020-12; the options of engines not named in `options` are free."""
    schema = Settings.model_json_schema(schema_generator=_Generator)
    definitions: dict[str, Any] = schema["$defs"]
    for _, section in sections():
        _describe(section, definitions.get(section.__name__, schema)["properties"])
    if options:
        _add_options(definitions, options)
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({"$schema": _Generator.schema_dialect, **schema}))
    return plain


class _Generator(GenerateJsonSchema):
    """Without titles, which only repeat the names, and with nothing but pools in `pools`."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic calls it by this name
        """No field has one."""
        return False

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        """A mapping whose keys have a pattern has no others."""
        described = super().dict_schema(schema)
        return {**described, "additionalProperties": False} if "patternProperties" in described else described


def _describe(section: type[Section], properties: dict[str, Any]) -> None:
    """Say what each setting does and, with range and unit, what it takes."""
    for name, field in section.model_fields.items():
        if field.description:
            kind = expected(field)
            takes = "" if kind in (MAPPING, LIST) else f" Takes {kind}."
            properties[name]["description"] = field.description + takes


def _add_options(definitions: dict[str, Any], options: OptionTypes) -> None:
    """Let the engine that a pool names decide what its options are."""
    _, structs = msgspec.json.schema_components(options.values(), ref_template=_REFERENCE)
    for name, struct in structs.items():
        definitions[name] = {**struct, "description": cleandoc(struct["description"])}
    for kind in options.values():
        # What has no default is the pool's own setting, such as its model.
        definitions[kind.__name__].pop("required", None)
    definitions[PoolSettings.__name__]["allOf"] = [
        {
            "if": {"properties": {"engine": {"const": engine}}, "required": ["engine"]},
            "then": {"properties": {"options": {"$ref": _REFERENCE.format(name=kind.__name__)}}},
        }
        for engine, kind in options.items()
    ]
