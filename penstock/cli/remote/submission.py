"""`penstock submit`: a prompt becomes a job; its id is printed, or its answer as it comes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.cli.options import EXIT_OK
from penstock.cli.printable import printable, printable_json
from penstock.cli.remote import answer
from penstock.cli.remote.failures import ServerError
from penstock.cli.remote.following import Following, require_completed
from penstock.cli.remote.patience import Patience
from penstock.cli.remote.prompt import prompt_of
from penstock.cli.remote.server import Server
from penstock.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Asked(Struct, frozen=True, kw_only=True):
    """What the command line asks for; None and {} say nothing."""

    prompt: str | None
    file: str | None
    model: str | None
    system: str | None
    max_tokens: int | None
    job_class: str | None
    deadline_s: float | None
    metadata: Mapping[str, str]
    idempotency_key: str | None


def submit(url: str, asked: Asked, *, waits: bool, as_json: bool) -> int:
    """Submit the job. Raises SettingsError, ServerError, JobNotCompletedError."""
    prompt = prompt_of(asked.prompt, asked.file)
    server = Server.named(url)
    patience = Patience()
    job = _accepted(server, request(asked, prompt, asked.model or _only_model(server)), patience)
    if not waits:
        print(printable_json(job, indent=2) if as_json else printable(job["id"]))
        return EXIT_OK
    following = Following(server, job["id"], patience)
    if as_json:
        answer.wait(following, url)
        ended = following.ended()
        print(printable_json(ended, indent=2))
        require_completed(ended)
    else:
        answer.show(following, url)
    return EXIT_OK


def request(asked: Asked, prompt: str, model: str) -> dict[str, Any]:
    """The body for `POST /v1/jobs`.

    It always has a key, so that it can be sent again where the answer is lost.
    """
    system = [{"role": "system", "content": asked.system}] if asked.system is not None else []
    body = {
        "model": model,
        "messages": [*system, {"role": "user", "content": prompt}],
        "max_tokens": asked.max_tokens,
    }
    terms = {
        "class": asked.job_class,
        "deadline_s": asked.deadline_s,
        "metadata": dict(asked.metadata) or None,
        "idempotency_key": asked.idempotency_key or secrets.token_urlsafe(16),
    }
    return {"endpoint": "/v1/chat/completions", "body": _given(body), **_given(terms)}


def only(models: Sequence[str]) -> str:
    """The model that is meant where none is named. Raises SettingsError."""
    if len(models) == 1:
        return models[0]
    known = ", ".join(models) or "none"
    raise SettingsError(f"--model: name one of those that are served: {known}.")


def _only_model(server: Server) -> str:
    return only([model["id"] for model in server.get("/v1/models")["data"]])


def _accepted(server: Server, body: Mapping[str, Any], patience: Patience) -> dict[str, Any]:
    while True:
        try:
            job: dict[str, Any] = server.ask("POST", "/v1/jobs", body=body)
        except ServerError as error:
            patience.wait(error)
        else:
            patience.heard()
            return job


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
