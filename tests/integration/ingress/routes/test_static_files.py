"""The files that come with the ingress are served in one way, whichever page they belong to."""

from __future__ import annotations

import gzip

import httpx
import pytest

from tests.harness.processes import ROOT

PAGE, DOCS = ROOT / "ingress" / "page", ROOT / "ingress" / "openapi" / "page"
HTML, PROGRAM, STYLE, TEXT = (f"text/{kind}; charset=utf-8" for kind in ("html", "javascript", "css", "plain"))
#: Pages, what they load, and the library: where each lies, and of what kind it is.
FILES = {
    "/": (PAGE / "index.html", HTML),
    "/page/main.js": (PAGE / "main.js", PROGRAM),
    "/page/style.css": (PAGE / "style.css", STYLE),
    "/page/icon.svg": (PAGE / "icon.svg", "image/svg+xml"),
    "/penstock.js": (PAGE / "penstock.js", PROGRAM),
    "/penstock.d.ts": (PAGE / "penstock.d.ts", TEXT),
    "/docs": (DOCS / "index.html", HTML),
    "/docs/page.js": (DOCS / "page.js", PROGRAM),
    "/docs/LICENSE": (DOCS / "LICENSE", TEXT),
    "/docs/swagger-ui.css": (DOCS / "swagger-ui.css.gz", STYLE),
    "/docs/swagger-ui-bundle.js": (DOCS / "swagger-ui-bundle.js.gz", PROGRAM),
}
PLAIN, GZIP = {"accept-encoding": "identity"}, {"accept-encoding": "gzip"}
BOTH = pytest.mark.parametrize("takes", [PLAIN, GZIP], ids=["plain", "packed"])
EACH = pytest.mark.parametrize("path", FILES)


def content(path: str) -> bytes:
    file, _ = FILES[path]
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


@EACH
@BOTH
async def test_a_file_comes_whole_with_what_it_is(client: httpx.AsyncClient, path: str, takes: dict[str, str]) -> None:
    answer = await client.get(path, headers=takes)

    assert answer.status_code == 200
    assert answer.content == content(path)
    assert answer.headers.get("content-encoding", "identity") == takes["accept-encoding"]
    assert answer.headers["content-type"] == FILES[path][1]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["vary"] == "accept-encoding"
    assert ("content-security-policy" in answer.headers) == (path in {"/", "/docs"})


@EACH
@BOTH
async def test_who_has_a_file_does_not_get_it_again(
    client: httpx.AsyncClient, path: str, takes: dict[str, str]
) -> None:
    etag = (await client.get(path, headers=takes)).headers["etag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await client.get(path, headers={**takes, "if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert answer.headers["vary"] == "accept-encoding"
    assert (await client.get(path, headers={**takes, "if-none-match": '"other"'})).status_code == 200


@EACH
@BOTH
async def test_a_head_tells_of_a_file_without_it(client: httpx.AsyncClient, path: str, takes: dict[str, str]) -> None:
    whole, head = await client.get(path, headers=takes), await client.head(path, headers=takes)

    told = ("content-length", "content-type", "content-encoding", "etag", "content-security-policy")
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers.get(name) for name in told] == [whole.headers.get(name) for name in told]


@EACH
async def test_the_two_forms_of_a_file_are_not_taken_for_each_other(client: httpx.AsyncClient, path: str) -> None:
    plain, packed = [(await client.get(path, headers=takes)).headers["etag"] for takes in (PLAIN, GZIP)]

    assert plain != packed
    assert (await client.get(path, headers={**PLAIN, "if-none-match": packed})).status_code == 200


async def test_what_becomes_no_shorter_is_not_packed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs/NOTICE", headers=GZIP)

    assert answer.content == (DOCS / "NOTICE").read_bytes()
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/index.html", "/docs/swagger-ui.css.gz", "/page/index.html"])
async def test_there_is_no_other_file(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
