"""Every setting, its unit, its range and its default."""

from __future__ import annotations

import enum
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from msgspec import Meta, Struct, field

# Each description completes the sentence "expected …" of an error.
Seconds = Annotated[float, Meta(gt=0, description="a number of seconds above 0")]
Count = Annotated[int, Meta(ge=1, description="a whole number of at least 1")]
#: 0 sets no limit.
OptionalCount = Annotated[int, Meta(ge=0, description="a whole number, 0 for no limit")]
Port = Annotated[int, Meta(ge=1, le=65535, description="a port from 1 to 65535")]
#: 0 switches the listener off.
OptionalPort = Annotated[int, Meta(ge=0, le=65535, description="a port from 1 to 65535, or 0 for none")]
#: No dash: a job id is `<pool>-<hex>`, and the pool is what stands before the dash.
PoolName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9._]*$",
        description="lower-case letters, digits, dots and underscores, a letter or digit first",
    ),
]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal digits, lower case")]
NonEmpty = Annotated[str, Meta(min_length=1, description="a text that is not empty")]

EMBEDDED = "embedded"
#: The kernel's limit for the path of a unix socket, less its final NUL.
SOCKET_PATH_BYTES = 107


class EngineName(enum.StrEnum):
    """The engines a pool can run."""

    VLLM = "vllm"
    SIMULATED = "simulated"


class Fsync(enum.StrEnum):
    """When the embedded Redis forces its append-only file to disk."""

    EVERYSEC = "everysec"
    ALWAYS = "always"


class LogFormat(enum.StrEnum):
    """One JSON object per line, or lines for people."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(enum.StrEnum):
    """The least severe events that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen part of the configuration that knows its fields."""


class RedisSettings(Section, frozen=True):
    """Where the durable state lives."""

    #: embedded, redis://, unix://, redis+sentinel://host,host/name, redis+cluster://host:port,host (TLS: rediss).
    url: NonEmpty = EMBEDDED
    #: The folder of the embedded server's files and socket; relative to the working directory.
    data_dir: Path = Path("data")
    #: Embedded server only: `always` loses nothing to a power cut, `everysec` at most one second.
    appendfsync: Fsync = Fsync.EVERYSEC
    #: Embedded server only: above it new work is refused; 0 sets no limit.
    maxmemory_mb: OptionalCount = 0
    #: The longest a command may take before Redis counts as gone.
    command_timeout_s: Seconds = 1.0

    @property
    def is_embedded(self) -> bool:
        """Whether `penstock up` starts the server itself."""
        return self.url == EMBEDDED

    @property
    def address(self) -> str:
        """The URL to connect to; for the embedded server its socket, running or not."""
        return f"unix://{quote(os.fsencode(self.socket))}" if self.is_embedded else self.url

    @property
    def socket(self) -> Path:
        """Where the embedded server listens: in its folder, or in the temporary folder if that path is too long."""
        inside = self.data_dir / "redis.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
            return inside
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"penstock-{digest}.sock"


class ApiKey(Section, frozen=True):
    """One client's key, of which only the hash is kept."""

    #: For logs: which key it was.
    name: NonEmpty
    #: Whose lanes and limits the key's requests count against.
    tenant: PoolName
    #: SHA-256 of the key in hexadecimal, lower case.
    sha256: Sha256


class IngressSettings(Section, frozen=True):
    """The HTTP side."""

    #: The address to listen on.
    host: NonEmpty = "127.0.0.1"
    #: The port to listen on.
    port: Port = 8000
    #: Processes that share the port.
    processes: Count = 1
    #: The longest request body; above it a 413.
    max_body_bytes: Count = 4 << 20
    #: The longest request head, and as much again of trailers and chunk extensions; above it a 431.
    max_header_bytes: Count = 64 << 10
    #: The longest a client may take to send its headers.
    header_timeout_s: Seconds = 10.0
    #: The longest a client may take to send its body.
    body_timeout_s: Seconds = 30.0
    #: Unsent bytes of one stream before its reader is cut off as too slow.
    stream_buffer_bytes: Count = 256 << 10
    #: The longest a submit may wait for Redis before the client gets a 503.
    submit_timeout_s: Seconds = 2.0
    #: A stream without a token sends its head after this long: errors are plain responses before, events after it.
    stream_head_after_s: Seconds = 10.0
    #: A stream that is silent for this long sends a comment, so that nobody between takes it for dead.
    ping_s: Seconds = 15.0
    #: How long open streams may go on after SIGTERM.
    drain_grace_s: Seconds = 25.0
    #: Origins a browser may call from; none by default.
    cors_origins: tuple[str, ...] = ()
    #: Names that requests may ask for besides localhost; without any, a listener that needs a key takes every name.
    allowed_hosts: tuple[str, ...] = ()
    #: Without any, only a loopback host is allowed.
    api_keys: tuple[ApiKey, ...] = ()


class ModelSettings(Section, frozen=True):
    """A name that clients ask for."""

    #: The pool that serves it.
    pool: PoolName


class PoolSettings(Section, frozen=True):
    """Identical workers for one model, with their own lanes."""

    #: vllm or simulated.
    engine: EngineName
    #: The model's folder; relative to the configuration file. The simulated engine needs none.
    model: Path | None = None
    #: Worker processes, each with an engine of its own.
    workers: Count = 1
    #: Generations one worker runs side by side.
    slots: Count = 64
    #: The engine's own settings, checked by the engine.
    options: dict[str, Any] = field(default_factory=dict)
    #: Waiting jobs of one lane before the next is refused.
    lane_max_jobs: Count = 1000
    #: Waiting bytes of one lane before the next job is refused.
    lane_max_bytes: Count = 64 << 20
    #: The longest a job may wait for a worker.
    queue_timeout_s: Seconds = 60.0
    #: The longest a job may run on one worker.
    run_timeout_s: Seconds = 600.0
    #: How long a finished job and its events can be read.
    result_ttl_s: Seconds = 3600.0
    #: Workers a job may lose before it is dead-lettered.
    max_losses: Count = 3
    #: A worker silent for this long is lost.
    lease_ttl_s: Seconds = 5.0
    #: How often a worker renews its lease.
    heartbeat_s: Seconds = 0.5
    #: A worker whose event loop stands still for this long is lost, although its machine is not.
    worker_stall_s: Seconds = 10.0
    #: An engine that has work and makes nothing for this long is given up.
    engine_stall_s: Seconds = 30.0
    #: How long a worker finishes what it has after SIGTERM before it hands back the rest.
    drain_grace_s: Seconds = 20.0
    #: Whether a worker generates something before it counts as ready.
    warmup: bool = True
    #: Whether a request is refused at once while no worker starts, instead of waiting for one that may.
    refuse_when_failing: bool = True

    @property
    def separates_reasoning(self) -> bool:
        """Whether its engine has a parser for the model's reasoning."""
        return bool(self.options.get("reasoning_parser"))

    @property
    def calls_tools(self) -> bool:
        """Whether its engine has a parser for the model's tool calls."""
        return bool(self.options.get("tool_parser"))


class SchedulerSettings(Section, frozen=True):
    """The leader of each pool."""

    #: A leader silent for this long is replaced.
    leader_ttl_s: Seconds = 1.5
    #: The longest the leader sleeps when nothing wakes it.
    tick_s: Seconds = 0.5
    #: How often all records are compared with all streams.
    reconcile_s: Seconds = 5.0


class TelemetrySettings(Section, frozen=True):
    """Logs and metrics; traces follow the standard OTEL_ environment variables."""

    #: The least severe events that are written: debug, info, warning or error.
    log_level: LogLevel = LogLevel.INFO
    #: json for machines, console for people.
    log_format: LogFormat = LogFormat.JSON
    #: Where scheduler and workers serve their metrics; the ingress has /metrics on its own port.
    metrics_host: NonEmpty = "127.0.0.1"
    #: The first free port from here on; 0 serves none.
    scheduler_metrics_port: OptionalPort = 0
    #: The first free port from here on, one per worker; 0 serves none.
    worker_metrics_port: OptionalPort = 0


class TokenizerSettings(Section, frozen=True):
    """The tokenizer service when it runs alone."""

    #: The address to listen on.
    host: NonEmpty = "127.0.0.1"
    #: The port to listen on.
    port: Port = 8001


class Settings(Section, frozen=True):
    """The whole configuration."""

    models: dict[NonEmpty, ModelSettings]
    pools: dict[PoolName, PoolSettings]
    redis: RedisSettings = RedisSettings()
    ingress: IngressSettings = IngressSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    tokenizer: TokenizerSettings = TokenizerSettings()

    def pool_of(self, model: str) -> str | None:
        """The pool that serves a model, or None if nobody does."""
        known = self.models.get(model)
        return known.pool if known else None
