"""The configuration: frozen, checked at the start, from one YAML file and the environment."""

from penstock.settings.kinds import EngineName, Fsync, LogFormat, LogLevel
from penstock.settings.load import DEFAULT_FILE, load, require_models
from penstock.settings.rules import is_loopback
from penstock.settings.sections import (
    ApiKey,
    BackgroundSettings,
    FileSettings,
    IngressSettings,
    JobSettings,
    ModelSettings,
    PoolSettings,
    RedisSettings,
    SchedulerSettings,
    Settings,
    StorageSettings,
    TelemetrySettings,
    TokenizerSettings,
    WebhookSettings,
)

__all__ = [
    "DEFAULT_FILE",
    "ApiKey",
    "BackgroundSettings",
    "EngineName",
    "FileSettings",
    "Fsync",
    "IngressSettings",
    "JobSettings",
    "LogFormat",
    "LogLevel",
    "ModelSettings",
    "PoolSettings",
    "RedisSettings",
    "SchedulerSettings",
    "Settings",
    "StorageSettings",
    "TelemetrySettings",
    "TokenizerSettings",
    "WebhookSettings",
    "is_loopback",
    "load",
    "require_models",
]
