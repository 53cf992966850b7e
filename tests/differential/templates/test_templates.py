from __future__ import annotations

import pytest

from tests.differential.templates.conversations import CASES
from tests.differential.templates.table import Table, table, templates

#: What differs from transformers on purpose, by template and kind of conversation, with the reason.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("nvidia-Nemotron-3-Content-Safety", "one part"): "it shows no two parts, and another preamble for one",
}


@pytest.fixture(scope="module")
def whole_table() -> Table:
    pytest.importorskip("transformers", reason="the reference comes with vLLM")
    return table()


@pytest.mark.timeout(900)
def test_every_template_makes_the_prompt_that_transformers_makes(whole_table: Table) -> None:
    found = {(one.template, one.case): one for one in whole_table.differences}
    unexplained = [one for key, one in found.items() if key not in EXCEPTIONS]
    assert unexplained == []
    assert found.keys() == EXCEPTIONS.keys()


def test_the_table_is_as_large_as_it_should_be(whole_table: Table) -> None:
    assert len(CASES) >= 53
    assert len(templates()) >= 780
    assert whole_table.same > 40_000
    assert whole_table.same + whole_table.both_refuse + len(whole_table.differences) == len(CASES) * len(templates())
