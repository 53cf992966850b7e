"""The page that describes the API, in a real browser: it shows every operation, and each can be tried there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.simulation import POOL
from tests.contract.conftest import INGRESS, KEY
from tests.harness.browser import CHROMIUM
from tests.harness.tab import Tab, tab
from tests.harness.up import Up, running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

CHAT = "operations-Generation-createChatCompletion"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Up]:
    """A service whose callers need a key."""
    with running({"models": {"sim": {"pool": "sim"}}, "pools": {"sim": POOL}, "ingress": INGRESS}) as up:
        yield up


@pytest.fixture
def page(guarded: Up) -> Iterator[Tab]:
    with tab() as it:
        it.open(f"{guarded.url}/docs")
        it.wait_for('document.querySelectorAll(".opblock").length >= 10')
        yield it
    # From nowhere else, and nothing that its own policy forbids.
    assert {urlsplit(url).netloc for url in it.requests if not url.startswith("data:")} == {f"127.0.0.1:{guarded.port}"}


def shown(page: Tab) -> set[tuple[str, str]]:
    """Methods and paths on the page."""
    pairs = page.evaluate(
        '[...document.querySelectorAll(".opblock")].map(one => [".opblock-summary-method", ".opblock-summary-path"]'
        '.map(part => one.querySelector(part).innerText.replace(/\\u200b/g, "")))'
    )
    return {(method.lower(), path) for method, path in pairs}


def click(page: Tab, selector: str) -> None:
    """Click an element as soon as it is there."""
    page.wait_for(f"!!document.querySelector('{selector}')")
    page.evaluate(f"document.querySelector('{selector}').click()")


def authorize(page: Tab, key: str) -> None:
    """Give the page an API key, as a person does."""
    click(page, ".auth-wrapper .authorize")
    page.wait_for('!!document.querySelector(".auth-container input")')
    page.evaluate(
        f"""(() => {{
            const field = document.querySelector(".auth-container input");
            const write = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
            write.call(field, "{key}");
            field.dispatchEvent(new Event("input", {{bubbles: true}}));
        }})()"""
    )
    click(page, ".auth-btn-wrapper .authorize")
    click(page, ".auth-btn-wrapper .btn-done")


def executed(page: Tab) -> tuple[str, str]:
    """Status and body of the answer to the request that is on the page."""
    click(page, f"#{CHAT} .execute")
    answer = f"#{CHAT} .live-responses-table .response"
    status = page.wait_for(f"""document.querySelector("{answer} .response-col_status")?.innerText""")
    return status.split()[0], page.evaluate(
        f"""document.querySelector("{answer} .response-col_description").innerText"""
    )


def test_it_shows_every_operation_but_those_that_follow_from_others(guarded: Up, page: Tab) -> None:
    document = httpx.get(f"{guarded.url}/openapi.json").json()
    described = {(method, path) for path, item in document["paths"].items() for method in item}

    assert shown(page) == {(method, path) for method, path in described if method not in ("head", "options")}
    assert page.complaints == []


def test_an_operation_can_be_tried_with_a_key(page: Tab) -> None:
    click(page, f"#{CHAT} .opblock-summary-control")
    click(page, f"#{CHAT} .try-out__btn")
    without_key, refused = executed(page)
    click(page, f"#{CHAT} .btn-clear")
    authorize(page, KEY)
    with_key, answer = executed(page)

    assert (without_key, with_key) == ("401", "200")
    assert "invalid_api_key" in refused
    assert "chat.completion" in answer
    # The browser tells of the first answer.
    assert [complaint for complaint in page.complaints if "401" not in complaint] == []


def test_what_answers_and_schemas_look_like_can_be_unfolded(guarded: Up, page: Tab) -> None:
    schemas = list(httpx.get(f"{guarded.url}/openapi.json").json()["components"]["schemas"])
    click(page, "#operations-Jobs-readJobEvents .opblock-summary-control")
    click(page, "#operations-Jobs-readJobEvents .model-example [data-name=model]")
    click(page, ".models-control")
    page.wait_for(f"document.querySelector('.models')?.innerText.includes('{schemas[0]}')")
    # Of so many, the page draws those that can be seen.
    page.evaluate("document.querySelector('.models-scroll').scrollTop = 1e6")
    page.wait_for(f"document.querySelector('.models').innerText.includes('{schemas[-1]}')")

    assert page.complaints == []
