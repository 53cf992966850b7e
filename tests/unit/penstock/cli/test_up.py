from __future__ import annotations

import json
import shlex

import pytest

from penstock.cli.up import greeting
from penstock.settings import (
    ApiKey,
    EngineName,
    IngressSettings,
    ModelSettings,
    PoolSettings,
    Settings,
)


def settings(ingress: IngressSettings) -> Settings:
    return Settings(
        models={"sim": ModelSettings(pool="sim")},
        pools={"sim": PoolSettings(engine=EngineName.SIMULATED)},
        ingress=ingress,
    )


def curl(text: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.strip().startswith("curl")]
    return shlex.split(line)


def test_the_greeting_has_a_curl_line_for_the_first_model() -> None:
    words = curl(greeting(settings(IngressSettings(port=8123)), {}))
    assert "http://127.0.0.1:8123/v1/chat/completions" in words
    body = json.loads(words[-1])
    assert (body["model"], body["stream"]) == ("sim", True)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000/"), ("::", "http://[::1]:8000/"), ("10.1.2.3", "http://10.1.2.3")],
)
def test_the_greeting_names_an_address_that_this_machine_can_reach(host: str, url: str) -> None:
    assert any(word.startswith(url) for word in curl(greeting(settings(IngressSettings(host=host)), {})))


def test_the_greeting_sends_a_key_where_one_is_needed() -> None:
    keys = (ApiKey(name="laptop", tenant="acme", sha256="0" * 64),)
    assert "authorization: Bearer $PENSTOCK_API_KEY" in curl(greeting(settings(IngressSettings(api_keys=keys)), {}))


def test_the_greeting_says_which_models_are_not_served_and_offers_one_that_is() -> None:
    models = {"broken": ModelSettings(pool="broken"), "sim": ModelSettings(pool="sim")}
    two = settings(IngressSettings()).model_copy(update={"models": models})
    text = greeting(two, {"broken": "no such file"})
    assert json.loads(curl(text)[-1])["model"] == "sim"
    assert "(models: sim)" in text
    assert "Not served: broken (no such file)." in text
