"""A page that has no API key reads a job's stream, by the browser's own means and by penstock.js."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
import pytest

from tests.acceptance.asking import says
from tests.acceptance.events import END, Event, text
from tests.acceptance.simulation import POOL, expected
from tests.harness.browser import CHROMIUM, Site, site, visiting
from tests.harness.front import Front, front
from tests.harness.stack import Stack, running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

KEY = "sk-page"
AUTHORIZATION = {"authorization": f"Bearer {KEY}"}
#: An answer that goes on for long after whatever is done in the middle of it, however busy the machine is.
TOKENS = 600
#: As long may an answer of the API take there.
PATIENCE_S = 60.0

#: What each page begins with: `report` tells the test, `key` is for pages that stand for their own server.
HEAD = """<!doctype html>
<title>A reader</title>
<script type="module">
import {cancel, connect, resume} from "API/penstock.js";
const [api, job, url, key] = VALUES;
const report = what => fetch("/report", {method: "POST", body: JSON.stringify(what)});
const seen = [];
const renewed = async () => {
  const options = {method: "POST", headers: {authorization: `Bearer ${key}`}};
  const answer = await fetch(`${api}/v1/jobs/${job}/stream-url`, options);
  return api + (await answer.json()).url;
};
try {
"""
TAIL = """
} catch (error) { report(String(error)); }
</script>
"""
#: It never closes its EventSource: a 204 does, when there is nothing left to read.
BARE = """
  const events = new EventSource(url);
  let opened = 0, told;
  events.onopen = () => { opened += 1; };
  events.addEventListener("end", event => { told = JSON.parse(event.data).state; });
  events.onmessage = ({lastEventId, data}) => {
    seen.push({id: lastEventId, data});
    if (seen.length === 20) report("in the middle");
  };
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) report({seen, opened, told});
  };
"""
#: Reads by SOURCE to the end.
LIBRARY = """
  const text = [];
  const connection = connect(SOURCE, {
    text: one => { text.push(one); },
    chunk: (chunk, id) => {
      seen.push(id);
      if (seen.length === 20) report("in the middle");
    },
  });
  const {error} = await connection.ended;
  report({text: text.join(""), ids: seen, error: error && {code: error.code, status: error.status}});
"""
#: Reads a part, then goes on in another connection, as another page would.
RESUMED = """
  const text = [];
  const first = connect({job, base: api, key}, {
    text: one => { if (text.push(one) === 30) first.close(); },
  });
  await first.ended;
  const second = resume({url}, first.lastEventId, {text: one => { text.push(one); }});
  const {error} = await second.ended;
  report({text: text.join(""), error});
"""
#: Ends the job in the middle.
CANCELLED = """
  const connection = connect(SOURCE, {chunk: (chunk, id) => {
    // Once: not every token has a text, and so an event.
    if (seen.push(id) === 5) connection.cancel().catch(error => report({code: error.code, status: error.status}));
  }});
  const {error} = await connection.ended;
  report({code: error.code});
"""
BY_JOB, BY_URL, BY_RENEWED_URL = "{job, base: api, key}", "{url}", "{url: renewed}"


@pytest.fixture(scope="module")
def reader() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture(scope="module")
def parts(reader: Site) -> Iterator[Stack]:
    """Two ingresses, of which pages use the first while it lives."""
    key = {"name": "page", "tenant": "page", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    ingress = {"cors_origins": [reader.origin], "api_keys": [key]}
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        running(Path(folder), POOL, ingresses=2, ingress=ingress) as it,
    ):
        yield it


@pytest.fixture
def stack(parts: Stack) -> Stack:
    """With all its parts again."""
    for program in parts.ingresses:
        if not program.is_running:
            program.start()
    parts.wait_ready()
    return parts


@pytest.fixture
def api(stack: Stack) -> Iterator[Front]:
    with front(stack.ports) as it:
        yield it


def submitted(api: Front, question: str, tokens: int = TOKENS) -> str:
    """A job that is asked for on behalf of a page."""
    body = {"model": "sim", "messages": says(question), "max_tokens": tokens, "min_tokens": tokens}
    job = {"endpoint": "/v1/chat/completions", "body": body, "class": "interactive"}
    return str(httpx.post(f"{api.url}/v1/jobs", json=job, headers=AUTHORIZATION, timeout=PATIENCE_S).json()["id"])


def stream_url(api: Front, job_id: str, **terms: object) -> str:
    answer = httpx.post(f"{api.url}/v1/jobs/{job_id}/stream-url", json=terms, headers=AUTHORIZATION, timeout=PATIENCE_S)
    return api.url + str(answer.json()["url"])


def page(api: Front, body: str, job_id: str, url: str, source: str = "") -> bytes:
    values = msgspec.json.encode([api.url, job_id, url, KEY]).decode()
    whole = HEAD.replace("VALUES", values).replace("API", api.url) + body.replace("SOURCE", source) + TAIL
    return whole.encode()


def answer(question: str) -> str:
    return expected(question, max_tokens=TOKENS, min_tokens=TOKENS)


def test_an_event_source_reads_on_at_another_ingress_when_its_own_is_killed(
    reader: Site, stack: Stack, api: Front
) -> None:
    job_id = submitted(api, "bare")
    reader.page = page(api, BARE, job_id, stream_url(api, job_id))
    with visiting(reader.origin):
        assert reader.next_report() == "in the middle"
        stack.ingresses[0].send(signal.SIGKILL)
        report = reader.next_report()
    seen = [Event(**event) for event in report["seen"]]

    assert text(seen) == answer("bare")
    assert seen[-1].data == END
    assert len({event.id for event in seen}) == len(seen)
    assert (report["opened"], report["told"]) == (2, "completed")


@pytest.mark.parametrize("source", [BY_JOB, BY_URL, BY_RENEWED_URL], ids=["job", "url", "renewed url"])
def test_the_library_reads_on_at_another_ingress_when_its_own_is_killed(
    reader: Site, stack: Stack, api: Front, source: str
) -> None:
    job_id = submitted(api, f"by {source}")
    reader.page = page(api, LIBRARY, job_id, stream_url(api, job_id), source)
    with visiting(reader.origin):
        assert reader.next_report() == "in the middle"
        stack.ingresses[0].send(signal.SIGKILL)
        report = reader.next_report()

    assert report["text"] == answer(f"by {source}")
    assert report["error"] is None
    assert len(set(report["ids"])) == len(report["ids"])


def test_an_address_whose_time_is_over_is_asked_for_anew_or_told(reader: Site, stack: Stack, api: Front) -> None:
    job_id = submitted(api, "over", 5)
    over = stream_url(api, job_id, ttl_s=1)
    while httpx.get(over, verify=False).status_code != 401:
        pass
    reader.page = page(api, LIBRARY, job_id, over, BY_URL)
    with visiting(reader.origin):
        assert reader.next_report() == {
            "text": "",
            "ids": [],
            "error": {"code": "invalid_stream_token", "status": 401},
        }
    once = "{url: () => { const first = url && seen.url !== url; seen.url = url; return first ? url : renewed(); }}"
    reader.page = page(api, LIBRARY, job_id, over, once)
    with visiting(reader.origin):
        report = reader.next_report()
    assert report["error"] is None
    assert report["text"] == expected("over", max_tokens=5, min_tokens=5)


def test_a_page_goes_on_where_another_stopped(reader: Site, stack: Stack, api: Front) -> None:
    job_id = submitted(api, "resumed")
    reader.page = page(api, RESUMED, job_id, stream_url(api, job_id))
    with visiting(reader.origin):
        report = reader.next_report()

    assert report == {"text": answer("resumed"), "error": None}


@pytest.mark.parametrize("source", [BY_JOB, BY_URL], ids=["job", "url"])
def test_a_page_cancels(reader: Site, stack: Stack, api: Front, source: str) -> None:
    job_id = submitted(api, f"cancelled {source}", 4000)
    reader.page = page(api, CANCELLED, job_id, stream_url(api, job_id, can_cancel=True), source)
    with visiting(reader.origin):
        assert reader.next_report() == {"code": "job_cancelled"}
    record = httpx.get(f"{api.url}/v1/jobs/{job_id}", headers=AUTHORIZATION, timeout=PATIENCE_S).json()
    assert record["state"] == "cancelled"


def test_a_page_that_may_only_read_is_told_so(reader: Site, stack: Stack, api: Front) -> None:
    job_id = submitted(api, "read only")
    reader.page = page(api, CANCELLED, job_id, stream_url(api, job_id), BY_URL)
    with visiting(reader.origin):
        assert reader.next_report() == {"code": "permission_denied", "status": 403}
    record: dict[str, Any] = httpx.get(f"{api.url}/v1/jobs/{job_id}", headers=AUTHORIZATION, timeout=PATIENCE_S).json()
    assert record["state"] in ("running", "completed")
