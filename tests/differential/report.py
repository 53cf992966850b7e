"""What the judge found, in words: a table by cause for work on it, and a line for each difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tests.differential.allowed import Sorted
from tests.differential.asking import requests_count
from tests.differential.cases import Case, short
from tests.differential.judge import Difference

_NAMED = 12
#: Facts whose values say little of the cause.
_VARIOUS = (
    *(
        "data",
        "prompt",
        "tokens",
        "token_strs",
        "count",
        "logprobs",
        "prompt_logprobs",
        "token_ids",
        "prompt_token_ids",
    ),
    *(
        "content",
        "text",
        "prompt_text",
        "tool_calls",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "stop_reason",
    ),
)


def summary(cases: Sequence[Case], found: Sorted) -> str:
    """One line."""
    listed = sum(map(len, found.explained.values()))
    return (
        f"{requests_count(cases)} requests, {len(cases)} cases, {listed} differences on the list, "
        f"{len(found.unexplained)} that are not"
    )


def lines(differences: Iterable[Difference]) -> Iterator[str]:
    """Each difference: case, way, fact, both values."""
    for one in differences:
        said = "".join(f"\n    {who}: {text}" for who, text in zip(("got", "right"), one.said, strict=True) if text)
        yield f"{one.case.name} [{one.way}] {one.fact}: {short(one.got, 200)} instead of {short(one.right, 200)}{said}"


def table(differences: Sequence[Difference]) -> Iterator[str]:
    """Differences by cause: what differs and how. A pair is named only where neither of its values differs so alone."""
    alone = {(_cause(one), varied) for one in differences for varied in one.case.varied if not one.case.is_pair}
    causes: dict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for one in differences:
        causes[_cause(one)].append(one)
    for cause, found in sorted(causes.items(), key=lambda item: (item[0][0], -len(item[1]))):
        fact, got, right = cause
        yield f"\n{fact}: {got} instead of {right}"
        singles = _unique(one.case.name for one in found if not one.case.is_pair)
        pairs = [one for one in found if one.case.is_pair]
        own = _unique(one.case.name for one in pairs if not any((cause, value) in alone for value in one.case.varied))
        ways = ", ".join(_unique(one.way.value for one in found))
        count = len({one.case.name for one in pairs})
        yield f"  {len(found)} differences; {ways}; {len(singles)} single, {count} pairs"
        yield from (f"  - {name}" for name in singles)
        yield from (f"  - {name}" for name in own[:_NAMED])
        if len(own) > _NAMED:
            yield f"  - and {len(own) - _NAMED} more pairs"
        yield from _said(found)


def _said(found: Sequence[Difference]) -> Iterator[str]:
    for who, at in (("got", 0), ("right", 1)):
        texts = _unique(one.said[at] for one in found if one.said[at])
        yield from (f"    {who}: {short(text, 240)}" for text in texts[:4])


def _cause(one: Difference) -> tuple[str, str, str]:
    fact = ".".join("N" if part.isdigit() else part for part in one.fact.split("."))
    if fact.rpartition(".")[2] in _VARIOUS:
        return fact, "something", "something else"
    return fact, short(one.got), short(one.right)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
