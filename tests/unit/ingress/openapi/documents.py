"""The documents of both services, with and without keys."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI

from ingress.app import ingress_app, tokenizer_app
from penstock.settings import ApiKey, EngineName, IngressSettings, ModelSettings, PoolSettings, Settings

KEYS = (ApiKey(name="one", tenant="one", sha256="0" * 64),)


def app_of(*, has_keys: bool = False, is_tokenizer: bool = False) -> FastAPI:
    """The innermost application of a service."""
    settings = Settings(
        models={"served": ModelSettings(pool="sim")},
        pools={"sim": PoolSettings(engine=EngineName.SIMULATED)},
        ingress=IngressSettings(api_keys=KEYS if has_keys else ()),
    )
    app: Any = (tokenizer_app if is_tokenizer else ingress_app)(settings)
    while not isinstance(app, FastAPI):
        app = app.app
    return app


def document_of(app: FastAPI) -> dict[str, Any]:
    """What it says of itself."""
    document: dict[str, Any] = msgspec.json.decode(app.state.description.read())
    return document
