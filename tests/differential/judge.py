"""The judge: where answers differ from what is right or from way to way, or speak another program's language."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.differential.asking import Asked, Way
from tests.differential.cases import Case
from tests.differential.facts import Facts, events, facts, of_job
from tests.differential.standards import field_of, repeatable, right

#: Log probabilities of one batch differ a little from those of another.
_TOLERANCE = 5e-3
_MISSING = "nothing"
_PARTS = ("usage.prompt_tokens", "usage.completion_tokens")

#: What no error message may hold, by what it is.
FOREIGN = {
    "a flag of another program": re.compile(r"(^|[\s\"'`(])--[a-z]"),
    "a library's name": re.compile(r"pydantic|vllm|xgrammar|msgspec|jinja2|transformers\b|huggingface", re.IGNORECASE),
    "a file's path": re.compile(r"(?<![\w/])/(?!v1/|tokenize|detokenize)[\w.-]+/[\w./-]+|\.(py|cc|cpp|h):\d+"),
    "a class path": re.compile(r"<class |\b[a-z_]\w*\.(?:[a-z_]\w*\.)*[A-Z]\w+|\b\w+Error\b|Traceback"),
    "a line break": re.compile(r"[\r\n]"),
    "a website's address": re.compile(r"https?://|www\."),
}


@dataclass(frozen=True)
class Difference:
    """One fact of one answer that is not as it should be."""

    case: Case
    way: Way
    fact: str
    got: Any
    right: Any
    #: The messages of the errors, where there are some.
    said: tuple[str, str] = ("", "")


def judge(case: Case, asked: Asked) -> Iterator[Difference]:
    """All differences of one case."""
    found: dict[Way, Facts] = {way: facts(answer) for way, answer in asked.penstock.items() if way != Way.JOB}
    for way in (Way.WHOLE, Way.STREAMED, Way.TOKENIZED):
        if way in found and way in asked.vllm:
            yield from compare(case, way, found[way], right(case, facts(asked.vllm[way])))
    for written, plain in ((Way.ENGINE_WRITTEN, Way.WHOLE), (Way.ENGINE_WRITTEN_STREAMED, Way.STREAMED)):
        if written in found:
            yield from compare(case, written, _without_logprobs(found[written]), _without_logprobs(found[plain]))
    yield from _of_records(case, asked, found)
    yield from _of_prompt(case, asked, found)
    for way, answer in found.items():
        yield from _of_message(case, way, str(answer.get("error.message", "")))


def compare(case: Case, way: Way, got: Facts, wanted: Facts) -> Iterator[Difference]:
    """The facts that differ; only the outcome, if that does."""
    got, wanted = repeatable(case, got), repeatable(case, wanted)
    said = (str(got.get("error.message", "")), str(wanted.get("error.message", "")))
    if _outcome(got) != _outcome(wanted):
        yield Difference(case, way, "status", _outcome(got), _outcome(wanted), said)
        return
    differing = {name for name in {*got, *wanted} if not _agree(name, got.get(name), wanted.get(name))}
    # The sum differs where a part of it does.
    implied = {"error.message"} | ({"usage.total_tokens"} if differing & set(_PARTS) else set())
    for name in sorted(differing - implied):
        yield Difference(case, way, name, _shown(got.get(name)), _shown(wanted.get(name)), said)


def _of_records(case: Case, asked: Asked, found: dict[Way, Facts]) -> Iterator[Difference]:
    """What is read again must be what was answered."""
    if Way.JOB in asked.penstock:
        kept, answered = of_job(asked.penstock[Way.JOB]), found[Way.WHOLE]
        streamed = any(name.startswith("stream.") for name in answered)
        yield from compare(case, Way.JOB, _of_record(kept, streamed=streamed), _of_record(answered, streamed=streamed))
    if Way.EVENTS in asked.penstock and asked.penstock[Way.STREAMED].status == 200:
        again, first = (events(asked.penstock[way].text) for way in (Way.EVENTS, Way.STREAMED))
        if again != first:
            yield Difference(case, Way.EVENTS, "data", again, first)


def _of_record(found: Facts, *, streamed: bool) -> Facts:
    """What an answer and its record have in common: a streamed one keeps nothing of its stream's shape."""
    unlike = ("stream.", "usage.", "object") if streamed else ()
    return {name: value for name, value in found.items() if name != "status" and not name.startswith(unlike)}


def _of_prompt(case: Case, asked: Asked, found: dict[Way, Facts]) -> Iterator[Difference]:
    """The tokens that /tokenize tells are those that vLLM's model was asked."""
    wanted = _prompt_ids(facts(asked.vllm[Way.WHOLE])) if Way.TOKENIZED in found else None
    tokens = found.get(Way.TOKENIZED, {}).get("tokens")
    if wanted and tokens and tokens != wanted:
        yield Difference(case, Way.TOKENIZED, "prompt", tokens, wanted)


def _of_message(case: Case, way: Way, message: str) -> Iterator[Difference]:
    for what, pattern in FOREIGN.items():
        if pattern.search(message):
            yield Difference(case, way, "error.message", what, "Penstock's own words", (message, ""))


def _prompt_ids(answer: Facts) -> list[int] | None:
    return answer.get("prompt_token_ids") or answer.get("choice.0.prompt_token_ids")


def _outcome(found: Facts) -> Any:
    """The status; and whether a stream that began well ended in an error."""
    status = found.get("status")
    return f"{status}, then an error" if status == 200 and "error.message" in found else status


def _without_logprobs(found: Facts) -> Facts:
    return {name: value for name, value in found.items() if not name.endswith(".logprobs")}


def _agree(name: str, one: Any, other: Any) -> bool:
    if isinstance(other, frozenset):
        return field_of(one) in other
    if name == "error.param":
        return field_of(one) == field_of(other)
    return _is_close(one, other)


def _is_close(one: Any, other: Any) -> bool:
    """Equal, but for numbers after a point."""
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_close, one, other))
    return bool(one == other)


def _shown(value: Any) -> Any:
    if isinstance(value, frozenset):
        return " or ".join(sorted(str(one) for one in value))
    return _MISSING if value is None else value
