from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.differential.templates.conversations import CASES
from tests.differential.templates.reference import expected
from tests.differential.templates.table import compiled, rendered, templates
from tests.differential.templates.vllm_prompt import vllm_prompt

#: vLLM's part of the table takes long: every so many templates.
_STEP = 25


@pytest.fixture
def without_warnings() -> Iterator[None]:
    """vLLM logs what it thinks of each template."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("without_warnings")
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # of vLLM, of what it imports
def test_where_vllm_makes_another_prompt_it_is_not_transformers() -> None:
    """vLLM prints a list into some prompts, and joins by line breaks the parts that some templates read."""
    pytest.importorskip("vllm", reason="it is compared only where it is installed")
    from transformers.utils.chat_template_utils import render_jinja_template

    found: Counter[str] = Counter()
    for source in list(templates().values())[::_STEP]:
        template = compiled(source)
        for kind, case in CASES.items():
            here, there = rendered(template, kind), vllm_prompt(source, case)
            found["same" if here == there else "different"] += 1
            assert here in (there, expected(render_jinja_template, source, case)), kind
    assert found["different"] < found["same"] / 50
