"""The configuration: frozen, checked at the start, from one YAML file and the environment."""

from penstock.settings.load import DEFAULT_FILE, load, require_models
from penstock.settings.rules import is_loopback
from penstock.settings.sections import (
    ApiKey,
    EngineName,
    Fsync,
    IngressSettings,
    LogFormat,
    LogLevel,
    ModelSettings,
    PoolSettings,
    RedisSettings,
    SchedulerSettings,
    Settings,
    TelemetrySettings,
    TokenizerSettings,
)

__all__ = [
    "DEFAULT_FILE",
    "ApiKey",
    "EngineName",
    "Fsync",
    "IngressSettings",
    "LogFormat",
    "LogLevel",
    "ModelSettings",
    "PoolSettings",
    "RedisSettings",
    "SchedulerSettings",
    "Settings",
    "TelemetrySettings",
    "TokenizerSettings",
    "is_loopback",
    "load",
    "require_models",
]
