"""A browser's own EventSource survives the ingress it reads from, and knows when to stop."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tests.acceptance.asking import says
from tests.acceptance.events import END, Event, text
from tests.acceptance.simulation import POOL, expected
from tests.harness.browser import CHROMIUM, Site, site, visiting
from tests.harness.up import Up, running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

QUESTION = {"messages": says("from a browser"), "max_tokens": 200, "min_tokens": 200}
#: It never closes its EventSource: a 204 does, when there is nothing left to read.
PAGE = """<!doctype html>
<title>A reader</title>
<script type="module">
const report = what => fetch("/report", {method: "POST", body: JSON.stringify(what)});
const seen = [];
let opened = 0;
try {
  const answer = await fetch("API/v1/chat/completions", {
    method: "POST",
    headers: {"content-type": "application/json", "x-penstock-keep": "true"},
    body: JSON.stringify({model: "sim", stream: true, ...QUESTION}),
  });
  const job = answer.headers.get("x-penstock-job-id");
  answer.body.cancel();
  const events = new EventSource(`API/v1/jobs/${job}/events`);
  events.onopen = () => { opened += 1; };
  events.onmessage = ({lastEventId, data}) => {
    seen.push({id: lastEventId, data});
    if (seen.length === 20) report("in the middle");
  };
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) report({seen, opened});
  };
} catch (error) {
  report(String(error));
}
</script>
"""


@pytest.fixture
def reader() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture
def up(reader: Site) -> Iterator[Up]:
    config = {"models": {"sim": {"pool": "sim"}}, "pools": {"sim": POOL}, "ingress": {"cors_origins": [reader.origin]}}
    with running(config) as it:
        reader.page = PAGE.replace("API", it.url).replace("QUESTION", msgspec.json.encode(QUESTION).decode()).encode()
        yield it


def test_a_page_reads_on_by_itself_when_its_ingress_is_killed(reader: Site, up: Up) -> None:
    with visiting(reader.origin):
        assert reader.next_report() == "in the middle"
        up.by_role()["ingress"][0].kill()
        report = reader.next_report()
    seen = [Event(**event) for event in report["seen"]]

    assert text(seen) == expected("from a browser", max_tokens=200, min_tokens=200)
    assert seen[-1].data == END
    assert len({event.id for event in seen}) == len(seen)
    assert report["opened"] == 2
