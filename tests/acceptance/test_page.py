"""The page at `/`, in a real browser: chat, reload in the middle, cancel, keys, and the live state beside it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.simulation import POOL
from tests.harness.batches import CHAT, chat_line, encoded
from tests.harness.browser import CHROMIUM
from tests.harness.tab import Tab, tab
from tests.harness.up import Up, running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

KEY = "sk-page"
QUESTION = "Tell me about the page"
#: Of each answer; the last one ends it.
TOKENS = 101
#: An answer that takes long enough for whatever is done in the middle of it.
SLOW = {**POOL, "options": {**POOL["options"], "itl_ms": 30.0, "natural_min_tokens": 100, "natural_max_tokens": 100}}
CONFIG: dict[str, Any] = {
    "models": {"sim": {"pool": "sim"}, "other": {"pool": "other"}},
    "pools": {"sim": SLOW, "other": SLOW},
}
LAST = 'document.querySelector("#turns .assistant:last-child")'


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with running(CONFIG) as it:
        yield it


@pytest.fixture(scope="module")
def guarded() -> Iterator[Up]:
    """Where a key is asked for."""
    key = {"name": "page", "tenant": "page", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    with running({**CONFIG, "ingress": {"api_keys": [key]}}) as it:
        yield it


@pytest.fixture
def page(up: Up) -> Iterator[Tab]:
    with tab() as it:
        it.open(up.url)
        it.wait_for("document.querySelector('#model')?.options.length === 2")
        yield it
    assert it.complaints == []
    assert hosts(it) == {f"127.0.0.1:{up.port}"}


def hosts(page: Tab) -> set[str]:
    return {urlsplit(url).netloc for url in page.requests}


def ask(page: Tab, question: str) -> None:
    """As a person does who writes and presses Enter."""
    page.evaluate(
        f"(() => {{ const it = document.querySelector('#question'); it.focus(); it.value = {question!r}; }})()"
    )
    press(page, "Enter")


def press(page: Tab, key: str) -> None:
    page.key(key)


def answer(page: Tab) -> str:
    """The last one, once it is whole."""
    page.wait_for(f"{LAST}?.getAttribute('aria-busy') === 'false'")
    return str(page.evaluate(f"{LAST}.querySelector('.text').textContent"))


def begun(page: Tab, characters: int = 60) -> str:
    """The last answer, once there is something of it."""
    page.wait_for(f"{LAST}?.querySelector('.text').textContent.length > {characters}")
    return str(page.evaluate(f"{LAST}.querySelector('.text').textContent"))


def text_of(page: Tab, selector: str) -> str:
    return str(page.wait_for(f"document.querySelector({selector!r})?.innerText"))


def test_an_answer_comes_with_its_pace_and_the_next_question_knows_it(page: Tab, up: Up) -> None:
    ask(page, QUESTION)
    first = answer(page)
    figures = text_of(page, "#turns .assistant .figures")
    ask(page, "And more?")
    page.wait_for("document.querySelectorAll('#turns .assistant').length === 2")
    second = answer(page)
    asked = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "And more?"},
    ]

    assert first == asked_directly(up, asked[:1])
    assert second == asked_directly(up, asked)
    assert "first token" in figures
    assert "tokens/s" in figures
    assert f"{TOKENS} tokens" in figures
    assert text_of(page, "#status").startswith(f"Done: {TOKENS} tokens")


def asked_directly(up: Up, messages: list[dict[str, str]]) -> str:
    body = {"model": "sim", "messages": messages}
    reply = httpx.post(f"{up.url}/v1/chat/completions", json=body, timeout=60).json()
    return str(reply["choices"][0]["message"]["content"])


def test_a_reload_in_the_middle_goes_on_exactly(page: Tab, up: Up) -> None:
    ask(page, QUESTION)
    before = begun(page)
    page.reload()
    text = answer(page)

    assert text == asked_directly(up, [{"role": "user", "content": QUESTION}])
    assert text.startswith(before)
    assert page.evaluate("document.querySelectorAll('.turn').length") == 2
    assert f"{TOKENS} tokens" in text_of(page, "#turns .assistant .figures")
    page.reload()
    page.wait_for("document.querySelectorAll('.turn').length === 2")
    assert page.evaluate(f"{LAST}.querySelector('.text').textContent") == text


def test_an_answer_that_ended_while_nobody_looked_is_there(page: Tab, up: Up) -> None:
    ask(page, QUESTION)
    begun(page, 1)
    job = json.loads(page.evaluate("sessionStorage.getItem('penstock.conversation')"))["pending"]["job"]
    page.go("about:blank")
    while httpx.get(f"{up.url}/v1/jobs/{job}", verify=False).json()["state"] != "completed":
        pass
    page.go(up.url)

    assert answer(page) == asked_directly(up, [{"role": "user", "content": QUESTION}])


@pytest.mark.parametrize("how", ["button", "escape"])
def test_an_answer_is_stopped(page: Tab, up: Up, how: str) -> None:
    ask(page, QUESTION)
    begun(page)
    if how == "button":
        page.evaluate("document.querySelector('#stop').click()")
    else:
        press(page, "Escape")
    text = answer(page)

    assert httpx.get(f"{up.url}/v1/jobs", params={"limit": 1}).json()["data"][0]["state"] == "cancelled"
    assert len(text) < len(asked_directly(up, [{"role": "user", "content": QUESTION}]))
    assert text_of(page, "#status") == "Stopped."
    assert page.evaluate("document.querySelector('#turns .fault').innerText") == "Stopped."


def test_the_live_state_shows_pools_workers_and_jobs_with_their_timelines(page: Tab) -> None:
    ask(page, QUESTION)
    begun(page)
    page.wait_for("[...document.querySelectorAll('.worker')].length === 2")
    page.wait_for("document.querySelector('#pools').innerText.includes('1/64')")
    queue = page.evaluate(
        "[...document.querySelectorAll('#pools .card:first-child tbody')[0].rows].map(row => row.cells[0].innerText)"
    )
    answer(page)
    page.evaluate("document.querySelector('#turns .assistant:last-child .figures button').click()")
    timeline = page.wait_for("document.querySelector('.timeline dl + dl')?.parentElement.innerText")

    assert queue == ["resumed", "interactive", "standard", "batch"]
    assert text_of(page, "#service") == "serving"
    for step in ("Queued", "Assigned", "First token", "completed", "Attempt 1"):
        assert step in timeline
    assert page.evaluate("document.querySelector('#jobs button').getAttribute('aria-expanded')") == "true"
    assert page.evaluate("document.querySelectorAll('#jobs > li').length") >= 1


def test_a_batch_is_shown_until_it_has_ended(page: Tab, up: Up) -> None:
    assert page.evaluate("document.querySelector('#batches-card').checkVisibility()") is False
    with httpx.Client(base_url=up.url, timeout=30) as client:
        lines = encoded([chat_line(f"{number}", model="other", max_tokens=100) for number in range(300)])
        file = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("a.jsonl", lines)}).json()
        asked = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
        batch = client.post("/v1/batches", json=asked).json()["id"]
        page.wait_for("document.querySelector('#batches').innerText.includes(' left')")
        shown = text_of(page, "#batches")
        client.post(f"/v1/batches/{batch}/cancel").raise_for_status()
    page.wait_for("!document.querySelector('#batches-card').checkVisibility()")

    assert shown.split("\n")[:2] == [batch, "in_progress"]
    assert re.search(r"\d+ of 300 requests, \d+(\.\d)?/s, .+ left", shown)


def test_a_key_is_asked_for_and_kept_for_the_session_alone(guarded: Up) -> None:
    with tab() as page:
        page.open(guarded.url)
        page.wait_for("document.querySelector('#key-dialog')?.open")
        give_key(page, "sk-wrong")
        page.wait_for("document.querySelector('#key-fault').innerText.includes('Nobody knows this key')")
        give_key(page, KEY)
        page.wait_for("document.querySelector('#model').options.length === 2")
        ask(page, QUESTION)
        text = answer(page)
        kept = page.evaluate("[sessionStorage.getItem('penstock.key'), localStorage.length, document.cookie]")
        page.evaluate("document.querySelector('#forget-key').click()")
        page.wait_for("document.querySelector('#key-dialog')?.open && !sessionStorage.getItem('penstock.key')")

        assert len(text) > 100
        assert kept == [KEY, 0, ""]
        assert KEY not in "".join(page.requests)
        # The browser tells of each answer that asked for a key.
        assert [one for one in page.complaints if "401" not in one] == []
        assert hosts(page) == {f"127.0.0.1:{guarded.port}"}


def give_key(page: Tab, key: str) -> None:
    page.evaluate(
        f"(() => {{ document.querySelector('#key').value = {key!r};"
        "document.querySelector('#key-form').requestSubmit(); })()"
    )


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (1280, 720)])
def test_where_a_key_is_set_the_question_is_in_sight_at_every_size(guarded: Up, width: int, height: int) -> None:
    with tab() as page:
        page.open(guarded.url)
        page.resize(width, height)
        page.wait_for("document.querySelector('#key-dialog')?.open")
        give_key(page, KEY)
        page.wait_for("!document.querySelector('#forget-key').hidden && document.querySelector('#model').value")
        page.wait_for(f"document.querySelector('#ask').getBoundingClientRect().bottom <= {height}")

        assert page.evaluate("scrollY") == 0


def test_what_an_answer_failed_of_is_in_sight(page: Tab) -> None:
    page.resize(390, 500)
    ask(page, QUESTION)
    answer(page)
    ask(page, "#sim:error_at=50")
    page.wait_for("document.querySelector('#turns .fault')")
    below = page.evaluate(
        "document.querySelector('#turns .fault').getBoundingClientRect().bottom"
        " - document.querySelector('#log').getBoundingClientRect().bottom"
    )

    assert page.evaluate("document.querySelector('#log').scrollTop") > 0
    assert below <= 0


def test_an_answer_is_text_and_never_markup(page: Tab) -> None:
    ask(page, "<img src=x onerror=alert(1)><script>alert(2)</script>")
    answer(page)

    assert page.evaluate("document.querySelectorAll('#turns img, #turns script').length") == 0
    assert page.evaluate("document.querySelector('.turn.user .text').textContent").startswith("<img src=x")


def test_everything_is_named_for_who_does_not_see_it(page: Tab) -> None:
    ask(page, QUESTION)
    answer(page)
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, select, textarea, input, a")].filter(one =>
            one.checkVisibility() && !one.innerText?.trim() && !one.labels?.length
        ).map(one => one.outerHTML)"""
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    refused = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby]')].map(one => one.getAttribute('aria-labelledby'))"
    )

    assert nameless == []
    assert len(set(ids)) == len(ids)
    assert set(refused) <= set(ids)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_scrolls_sideways(page: Tab, width: int) -> None:
    page.resize(width, 800)
    ask(page, QUESTION + " " + "x" * 200)
    answer(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
