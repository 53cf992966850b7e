"""The corpus: requests as data, and those that are made of it."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).parent / "corpus"
#: How many good values each bad one is sent with.
_COMPANIONS = 2


class Api(enum.StrEnum):
    """An endpoint that both servers have; its value is the path."""

    CHAT = "/v1/chat/completions"
    COMPLETIONS = "/v1/completions"
    TOKENIZE = "/tokenize"
    DETOKENIZE = "/detokenize"

    @property
    def generates(self) -> bool:
        """Whether its answers are generations, which can be streamed and become jobs."""
        return self in (Api.CHAT, Api.COMPLETIONS)


@dataclass(frozen=True)
class Case:
    """One request; `varied` names the fields in which it differs from the base of its file, as `field=value`."""

    name: str
    api: Api
    body: dict[str, Any]
    varied: tuple[str, ...] = ()
    #: Pairs are many: one is sent whole, the next streamed.
    is_streamed: bool = False

    @property
    def is_pair(self) -> bool:
        """Whether two values of the list were put together."""
        return len(self.varied) > 1

    @property
    def is_repeatable(self) -> bool:
        """Whether two servers must generate the same: greedily, or with the same seed."""
        return self.body.get("temperature") == 0 or isinstance(self.body.get("seed"), int)


@dataclass(frozen=True)
class Value:
    """One line of a list: fields of a body, of which the first is the parameter it is about."""

    fields: dict[str, Any]
    is_good: bool
    #: Whether it is put together with other parameters.
    is_paired: bool = True

    @property
    def parameter(self) -> str:
        """The parameter that it is a value of."""
        return next(iter(self.fields))

    @property
    def name(self) -> str:
        """How reports name it."""
        return ", ".join(f"{name}={short(value)}" for name, value in self.fields.items())


class _Absent:
    """A field of the base that a case leaves out."""


class _Loader(yaml.SafeLoader):
    """YAML with `!absent`, and `!repeat [value, times]` for what is long."""


def _repeated(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    assert isinstance(node, yaml.SequenceNode)
    value, times = loader.construct_sequence(node, deep=True)
    return value * times


_Loader.add_constructor("!absent", lambda _loader, _node: _Absent())
_Loader.add_constructor("!repeat", _repeated)


def load(folder: Path = CORPUS) -> list[Case]:
    """All cases, in the order of the files; no two have one name."""
    cases = [case for file in sorted(folder.glob("*.yaml")) for case in _of_file(file)]
    names = [case.name for case in cases]
    assert len(names) == len({*names}), {name for name in names if names.count(name) > 1}
    return cases


def short(value: Any, characters: int = 120) -> str:
    """A value on one line: its beginning and its end."""
    text = "absent" if isinstance(value, _Absent) else repr(value)
    half = characters // 2
    return text if len(text) <= characters else f"{text[:half]}…{text[-half:]}"


def _of_file(file: Path) -> Iterator[Case]:
    content = yaml.load(file.read_text(), _Loader)
    api, base, title = Api[content["api"].upper()], content.get("base", {}), content["api"]
    values = [_value(line) for line in content.get("values", [])]
    for value in values:
        yield Case(f"{title}: {value.name}", api, _body(base, value.fields), (value.name,))
    for number, (one, other) in enumerate(_pairs(values)):
        name = f"{title}: {one.name} & {other.name}"
        yield Case(name, api, _body(base, one.fields, other.fields), (one.name, other.name), number % 2 == 1)
    for line in content.get("by_hand", []):
        ((name, fields),) = line.items()
        yield Case(f"{title}: {name}", api, _body(base, fields))


def _value(line: dict[str, Any]) -> Value:
    ((tag, fields),) = line.items()
    assert tag in ("good", "bad", "alone"), line
    return Value(fields, tag != "bad", tag != "alone")


def _pairs(values: list[Value]) -> Iterator[tuple[Value, Value]]:
    """Every two parameters with the first good value of each; the first bad one of each with some good ones."""
    good = list({value.parameter: value for value in reversed(values) if value.is_good and value.is_paired}.values())
    bad = list({value.parameter: value for value in reversed(values) if not value.is_good}.values())
    good.reverse()
    bad.reverse()
    yield from (pair for pair in combinations(good, 2) if not pair[0].fields.keys() & pair[1].fields.keys())
    for number, value in enumerate(bad):
        others = [other for other in good if not other.fields.keys() & value.fields.keys()]
        yield from ((value, others[(number * 7 + step * 11) % len(others)]) for step in range(_COMPANIONS))


def _body(base: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    body = dict(base)
    for fields in changes:
        body |= fields
    return {name: value for name, value in body.items() if not isinstance(value, _Absent)}
