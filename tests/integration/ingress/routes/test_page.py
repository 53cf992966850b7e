"""The files that come with the ingress."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.harness.processes import ROOT

PAGE = ROOT / "ingress" / "page"
#: They have addresses of their own.
APART = {"index.html", "penstock.js", "penstock.d.ts"}
#: A name, and nothing that is fetched.
SVG = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/penstock.js", "text/javascript; charset=utf-8"), ("/penstock.d.ts", "text/plain; charset=utf-8")],
)
async def test_the_library_and_its_types_are_served(client: httpx.AsyncClient, path: str, kind: str) -> None:
    answer = await client.get(path)

    assert answer.content == (PAGE / path.strip("/")).read_bytes()
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_and_its_parts_are_served(client: httpx.AsyncClient) -> None:
    whole = await client.get("/")
    policy = whole.headers["content-security-policy"].split("; ")
    parts = re.findall(r'(?:href|src)="(/page/[^"]+)"', whole.text)

    assert whole.headers["content-type"] == "text/html; charset=utf-8"
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in whole.headers["content-security-policy"]
    assert len(set(parts)) == 3
    for part in (*parts, *(f"/page/{file.name}" for file in PAGE.iterdir() if file.name not in APART)):
        answer = await client.get(part)
        assert answer.status_code == 200, part
        assert answer.headers["etag"]
    for other in ("/page/index.html", "/page/../app.py", "/page/nothing.js"):
        assert (await client.get(other)).status_code == 404


def test_the_page_holds_no_script_style_or_markup_of_its_making() -> None:
    markup = (PAGE / "index.html").read_text()
    programs = "".join(file.read_text() for file in PAGE.glob("*.js"))

    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", markup)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|https?://", programs.replace(SVG, "")
    )
