"""What all who serve a pool have to agree on: the settings that one process keeps and another was promised."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from penstock.settings.sections import PoolSettings

#: Options of an engine that processes other than its worker read as well.
_OPTIONS = ("tool_parser", "reasoning_parser", "chat_template")
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class SharedSettings:
    """A pool's settings by their names, as its leader writes them down for the others."""

    values: dict[str, object]

    @classmethod
    def of(cls, pool: PoolSettings) -> SharedSettings:
        """Those of a configuration."""
        fields = (
            *("engine", "lane_max_jobs", "lane_max_bytes", "queue_timeout_s", "run_timeout_s", "result_ttl_s"),
            *("max_losses", "lease_ttl_s"),
        )
        options = {f"options.{name}": pool.options[name] for name in _OPTIONS if name in pool.options}
        return cls({name: getattr(pool, name) for name in fields} | options)

    @property
    def encoded(self) -> str:
        """As JSON; equal settings are equal texts."""
        return msgspec.json.encode(self.values, order="deterministic").decode()

    def difference(self, leaders: str) -> str:
        """Which of them the leader has otherwise: `run_timeout_s is 600.0, its leader has 30.0`; "" for none."""
        if leaders in ("", self.encoded):
            return ""
        try:
            theirs = msgspec.json.decode(leaders, type=dict[str, object])
        except msgspec.DecodeError:
            return "its leader's cannot be read"
        ours = msgspec.json.decode(self.encoded, type=dict[str, object])
        return "; ".join(
            f"{name} is {_shown(ours.get(name))}, its leader has {_shown(theirs.get(name))}"
            for name in sorted(ours.keys() | theirs.keys())
            if ours.get(name) != theirs.get(name)
        )


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN_CHARACTERS]
