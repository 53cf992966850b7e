"""What must hold between settings, each rule with the sentence that says how to mend it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from penstock.settings.fault import Place, dotted
from penstock.settings.kinds import EngineName, RedisForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.settings.sections import (
        ApiKey,
        BackgroundSettings,
        PoolSettings,
        RedisSettings,
        SchedulerSettings,
        Settings,
        StreamSettings,
        WebhookSettings,
    )

_LEAST_STALL_S = 2.0
_API_KEYS: Place = ("ingress", "api_keys")


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """What does not hold, and how to mend it."""

    sentence: str
    #: The settings that it was judged by.
    places: tuple[Place, ...]


def broken(settings: Settings) -> Iterator[BrokenRule]:
    """Every rule that is broken; nothing if the settings fit together."""
    yield from _redis(settings.redis)
    yield from _models(settings)
    for name, pool in settings.pools.items():
        yield from _pool(name, pool)
    yield from _keys(settings.ingress.api_keys)
    yield from _hosts(settings)
    yield from _scheduler(settings.scheduler)
    yield from _background(settings.background)
    yield from _webhooks(settings.webhooks)
    yield from _streams(settings.streams)


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


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a misspelt one was probably meant to be."""
    return next(iter(get_close_matches(word, list(known), n=1)), None)


def or_perhaps(near: str | None) -> str:
    """The end of a sentence about an unknown word."""
    return f"; did you mean {near!r}?" if near else "."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is none of the known ones."""
    return or_perhaps(nearest(word, known))


def _redis(redis: RedisSettings) -> Iterator[BrokenRule]:
    scheme = redis.url.partition(":")[0]
    schemes = [scheme for form in RedisForm for scheme in form.schemes]
    if not redis.is_embedded and scheme not in schemes:
        known = ", ".join(f"{name}://" for name in schemes)
        yield BrokenRule(
            f"redis.url: cannot use the scheme {scheme!r}; give 'embedded', or a URL that begins with one of {known}.",
            (("redis", "url"),),
        )


def _models(settings: Settings) -> Iterator[BrokenRule]:
    if not settings.models:
        yield BrokenRule(
            "models: none is served; name at least one, as in `models: {demo: {pool: demo}}`.", (("models",),)
        )
    for name, model in settings.models.items():
        if model.pool not in settings.pools:
            known = ", ".join(settings.pools) or "none"
            hint = did_you_mean(model.pool, settings.pools)
            yield BrokenRule(
                f"models.{name}.pool: no pool {model.pool!r} (pools: {known}){hint}",
                (("models", name, "pool"), ("pools", model.pool)),
            )


def _pool(name: str, pool: PoolSettings) -> Iterator[BrokenRule]:
    place = ("pools", name)
    path = dotted(place)
    if pool.engine is EngineName.VLLM and pool.model is None:
        yield BrokenRule(
            f"{path}.model: the vllm engine needs one; give the model's folder, relative to the configuration file.",
            ((*place, "model"), (*place, "engine")),
        )
    if pool.heartbeat_s * 2 > pool.lease_ttl_s:
        yield BrokenRule(
            f"{path}.heartbeat_s: must be at most half of {path}.lease_ttl_s, or one late beat loses the worker.",
            ((*place, "heartbeat_s"), (*place, "lease_ttl_s")),
        )
    if pool.worker_stall_s < _LEAST_STALL_S:
        yield BrokenRule(
            f"{path}.worker_stall_s: must be at least {_LEAST_STALL_S:g}, or a busy worker would count as lost.",
            ((*place, "worker_stall_s"),),
        )


def _keys(keys: Sequence[ApiKey]) -> Iterator[BrokenRule]:
    for what, values in (("name", [key.name for key in keys]), ("sha256", [key.sha256 for key in keys])):
        twice = {value for value in values if values.count(value) > 1}
        for value in sorted(twice):
            yield BrokenRule(f"ingress.api_keys: two keys have the {what} {value!r}; each needs its own.", (_API_KEYS,))


def _hosts(settings: Settings) -> Iterator[BrokenRule]:
    for section, host in (("ingress", settings.ingress.host), ("tokenizer", settings.tokenizer.host)):
        if not settings.ingress.api_keys and not is_loopback(host):
            yield BrokenRule(
                f"{section}.host: {host} can be reached from other machines and ingress.api_keys is empty; "
                "add a key (name, tenant, sha256), or bind to 127.0.0.1.",
                ((section, "host"), _API_KEYS),
            )


def _scheduler(scheduler: SchedulerSettings) -> Iterator[BrokenRule]:
    if scheduler.tick_s * 2 > scheduler.leader_ttl_s:
        yield BrokenRule(
            "scheduler.tick_s: must be at most half of scheduler.leader_ttl_s, or an idle leader loses its lease.",
            (("scheduler", "tick_s"), ("scheduler", "leader_ttl_s")),
        )


def _background(background: BackgroundSettings) -> Iterator[BrokenRule]:
    if background.tick_s * 2 > background.lease_ttl_s:
        yield BrokenRule(
            "background.tick_s: must be at most half of background.lease_ttl_s, or an idle reader loses its lease.",
            (("background", "tick_s"), ("background", "lease_ttl_s")),
        )


def _webhooks(webhooks: WebhookSettings) -> Iterator[BrokenRule]:
    for number, network in enumerate(webhooks.allowed_networks):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            yield BrokenRule(
                f"webhooks.allowed_networks: {error}; give networks such as 10.0.0.0/8 or fd00::/8.",
                (("webhooks", "allowed_networks", number),),
            )


def _streams(streams: StreamSettings) -> Iterator[BrokenRule]:
    if streams.previous_signing_key is not None and streams.signing_key is None:
        yield BrokenRule(
            "streams.previous_signing_key: there is no streams.signing_key that it came before; "
            "give the key to sign with, or leave it out.",
            (("streams", "previous_signing_key"), ("streams", "signing_key")),
        )
