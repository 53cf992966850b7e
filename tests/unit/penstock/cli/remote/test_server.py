from __future__ import annotations

import pytest

from penstock.cli.remote.server import Server, job_path
from penstock.errors import SettingsError


@pytest.mark.parametrize(
    "url", ["", "here", "here:port", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://a?b"]
)
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(SettingsError, match=r"--url: .* is no address"):
        Server(url)


@pytest.mark.parametrize("url", ["localhost:8000", "127.0.0.1:8000/v1", "[::1]:8000"])
def test_what_lacks_its_scheme_is_shown_with_it(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Server(url)
    assert str(raised.value) == f"--url: '{url}' lacks http://; write http://{url}."


@pytest.mark.parametrize("url", ["http://a:1/", "http://a:1/v1", "http://a:1/v1/"])
def test_what_every_path_begins_with_is_no_part_of_an_address(url: str) -> None:
    assert Server(url).url == "http://a:1"
    assert Server(f"http://a:1/penstock{url[10:]}").url == "http://a:1/penstock"


@pytest.mark.parametrize("key", ["a b", "a\nb", "ä"])
def test_what_is_no_key_is_not_sent(key: str) -> None:
    with pytest.raises(SettingsError, match=r"^PENSTOCK_API_KEY may hold visible ASCII characters only\.$"):
        Server("http://a:1", key)


def test_an_id_is_one_part_of_a_path_whatever_it_is() -> None:
    assert job_path("../v1/usage?x#y") == "/v1/jobs/..%2Fv1%2Fusage%3Fx%23y"
