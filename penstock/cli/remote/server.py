"""The one HTTP client of the command line: requests to an ingress, and its errors in its own words."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as UrllibTimeoutError

from penstock.cli.remote.failures import ConnectionLostError, ForeignAnswerError, ServerAwayError, ServerError, refusal
from penstock.errors import SettingsError

KEY_VARIABLE = "PENSTOCK_API_KEY"
_CONNECT_S = 5.0
#: Above the time after which an ingress pings a stream that says nothing.
_SILENCE_S = 60.0
_CHUNK_BYTES = 65_536
_FIRST_ERROR = 300
#: What OpenSSL makes of bytes that are no TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})

Query = Iterable[tuple[str, str]]


class Content(Struct, frozen=True):
    """What a request carries."""

    kind: str
    parts: Iterable[bytes]
    #: Of all parts together; None where nobody knows before.
    bytes: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What tells of it."""
        length = {} if self.bytes is None else {"content-length": str(self.bytes)}
        return {"content-type": self.kind, **length}


class Server:
    """An ingress by its address; every method raises ServerError."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """Raises SettingsError for what is no address, or no key."""
        self.url = _checked(url)
        self._headers = {"user-agent": "penstock"} | ({"authorization": f"Bearer {_key(key)}"} if key else {})
        # What may be sent twice, and when, is for whoever asks to say.
        self._http = PoolManager(timeout=Timeout(connect=_CONNECT_S, read=_SILENCE_S))

    @classmethod
    def named(cls, url: str) -> Server:
        """The server that the options and the environment name. Raises SettingsError."""
        return cls(url, os.environ.get(KEY_VARIABLE))

    def get(self, path: str, query: Query = ()) -> Any:
        """What is there, decoded."""
        return self.ask("GET", path, query=query)

    def pages(self, path: str, query: Callable[[str | None], Query]) -> Iterator[Any]:
        """What a list has, page by page; a page may be short, or empty, before the last.

        `query` asks for the page behind something, None for the first.
        """
        after: str | None = None
        while True:
            page = self.get(path, query(after))
            yield from page["data"]
            after = _next(page)
            if after is None:
                return

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's JSON."""
        with self.opened(method, path, query=query, body=body, content=content, headers=headers) as response:
            answer = response.data
        return self._decoded(answer, response.status)

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """A response that is no error, its content yet to be read; `body` is sent as JSON, `content` as it is."""
        if body is not None:
            content = _json(body)
        asked = {**self._headers, **(content.headers if content else {}), **(headers or {})}
        fields = urlencode(list(query))
        target = f"{self.url}{path}?{fields}" if fields else f"{self.url}{path}"
        with self._telling():
            response = self._http.request(
                method,
                target,
                body=content.parts if content else None,
                headers=asked,
                preload_content=False,
                redirect=False,
                retries=False,
            )
            try:
                if response.status >= _FIRST_ERROR:
                    raise self._refusal(response)
                yield response
            finally:
                # The rest of a stream that was left would keep the connection busy.
                response.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell what went wrong on the way in a sentence."""
        try:
            yield
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            if _is_answered_without_tls(error):
                raise ForeignAnswerError(f"The server at {self.url} does not speak TLS: use http://.") from None
            raise ServerAwayError(
                f"No server answers at {self.url} ({_reason(error)}): start one with `penstock up`, or name another "
                "by --url or PENSTOCK_URL."
            ) from None
        except HTTPError as error:
            raise ConnectionLostError(f"The connection to {self.url} was lost ({_reason(error)}).") from None

    def _refusal(self, response: BaseHTTPResponse) -> ServerError:
        content = response.data
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        has_key = "authorization" in self._headers
        return refusal(response.status, headers, body, has_key=has_key) or self._foreign(response.status)

    def _decoded(self, content: bytes, status: int) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise self._foreign(status) from None

    def _foreign(self, status: int) -> ForeignAnswerError:
        return ForeignAnswerError(
            f"What answers at {self.url} (status {status}) does not speak as an ingress of Penstock does: is --url or "
            "PENSTOCK_URL right?"
        )


def _json(body: Any) -> Content:
    encoded = json.dumps(body).encode()
    return Content("application/json", [encoded], len(encoded))


def _next(page: Mapping[str, Any]) -> str | None:
    """Where a list goes on: some lists name it, and OpenAI's have their last item for it."""
    after: str | None = page["next"] if "next" in page else page["last_id"] if page["has_more"] else None
    return after


def job_path(job_id: str) -> str:
    """Where a job is."""
    return f"/v1/jobs/{quote(job_id, safe='')}"


def file_path(file_id: str) -> str:
    """Where a file is."""
    return f"/v1/files/{quote(file_id, safe='')}"


def parts_of(response: BaseHTTPResponse) -> Iterator[bytes]:
    """The content as it comes."""
    while part := response.read1(_CHUNK_BYTES):
        yield part


def _checked(url: str) -> str:
    """The address without the `/v1` that clients of the API have in theirs. Raises SettingsError."""
    if not _is_address(url):
        if "://" not in url and ":" in url and _is_address(f"http://{url}"):
            raise SettingsError(f"--url: {url!r} lacks http://; write http://{url}.")
        raise SettingsError(f"--url: {url!r} is no address; it looks like http://127.0.0.1:8000.")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_one and not parts.query and not parts.fragment


def _key(key: str) -> str:
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingsError(f"{KEY_VARIABLE} may hold visible ASCII characters only.")
    return key


def _is_answered_without_tls(error: BaseException) -> bool:
    """Whether somebody is there and answered the first message of TLS with something else."""
    return any(isinstance(one, ssl.SSLError) and one.reason in _NO_TLS for one in _causes(error))


def _reason(error: BaseException) -> str:
    """What the system said, without the names of libraries' classes."""
    causes = _causes(error)
    said = [one.strerror for one in causes if isinstance(one, OSError) and one.strerror]
    if said:
        return said[-1]
    is_late = any(isinstance(one, (TimeoutError, UrllibTimeoutError)) for one in causes)
    return "no answer in time" if is_late else "it ended in the middle of an answer"


def _causes(error: BaseException) -> list[BaseException]:
    """An error, and what was before it."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    return causes
