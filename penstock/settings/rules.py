"""What must hold between settings, each rule with the sentence that says how to mend it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from penstock.settings.sections import EngineName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.settings.sections import PoolSettings, Settings

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_LEAST_STALL_S = 2.0


def broken(settings: Settings) -> Iterator[str]:
    """One sentence per broken rule; nothing if the settings fit together."""
    yield from _redis(settings)
    yield from _models(settings)
    for name, pool in settings.pools.items():
        yield from _pool(f"pools.{name}", pool)
    yield from _keys(settings)
    if settings.scheduler.tick_s * 2 > settings.scheduler.leader_ttl_s:
        yield "scheduler.tick_s: must be at most half of scheduler.leader_ttl_s, or an idle leader loses its lease."


def missing_folders(settings: Settings, pools: Iterable[str]) -> Iterator[str]:
    """One sentence per model folder that is not there; only processes on the workers' machines need them."""
    for name in pools:
        model = settings.pools[name].model
        if model is not None and not os.access(model / "config.json", os.R_OK):
            yield (
                f"pools.{name}.model: no model in {model} (it has no config.json that this user can read); "
                "give the folder of a model, relative to the configuration file."
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on that host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as the tail of a sentence; empty if none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


def _redis(settings: Settings) -> Iterator[str]:
    redis = settings.redis
    scheme = redis.url.partition(":")[0]
    if not redis.is_embedded and scheme not in REDIS_SCHEMES:
        known = ", ".join(f"{name}://" for name in REDIS_SCHEMES)
        yield f"redis.url: cannot use the scheme {scheme!r}; give 'embedded', or a URL that begins with one of {known}."


def _models(settings: Settings) -> Iterator[str]:
    if not settings.models:
        yield "models: none is served; name at least one, as in `models: {demo: {pool: demo}}`."
    for name, model in settings.models.items():
        if model.pool not in settings.pools:
            known = ", ".join(settings.pools) or "none"
            hint = did_you_mean(model.pool, settings.pools)
            yield f"models.{name}.pool: no pool {model.pool!r} (pools: {known}){hint}"


def _pool(path: str, pool: PoolSettings) -> Iterator[str]:
    if pool.engine is EngineName.VLLM and pool.model is None:
        yield f"{path}.model: the vllm engine needs one; give the model's folder, relative to the configuration file."
    if pool.heartbeat_s * 2 > pool.lease_ttl_s:
        yield f"{path}.heartbeat_s: must be at most half of {path}.lease_ttl_s, or one late beat loses the worker."
    if pool.worker_stall_s < _LEAST_STALL_S:
        yield f"{path}.worker_stall_s: must be at least {_LEAST_STALL_S:g}, or a busy worker would count as lost."


def _keys(settings: Settings) -> Iterator[str]:
    keys = settings.ingress.api_keys
    for what, values in (("name", [key.name for key in keys]), ("sha256", [key.sha256 for key in keys])):
        twice = {value for value in values if values.count(value) > 1}
        for value in sorted(twice):
            yield f"ingress.api_keys: two keys have the {what} {value!r}; each needs its own."
    for path, host in (("ingress.host", settings.ingress.host), ("tokenizer.host", settings.tokenizer.host)):
        if not keys and not is_loopback(host):
            yield (
                f"{path}: {host} can be reached from other machines and ingress.api_keys is empty; "
                "add a key (name, tenant, sha256), or bind to 127.0.0.1."
            )
