"""Every setting: its kind, its default, and what it does."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from penstock.settings.kinds import (
    ByteCount,
    Count,
    Engine,
    Flag,
    Folder,
    Format,
    Fsync,
    FsyncPolicy,
    Level,
    LogFormat,
    LogLevel,
    NonEmpty,
    OptionalMebibytes,
    OptionalPort,
    OptionalRedisUrl,
    Options,
    PoolName,
    Port,
    RedisUrl,
    Seconds,
    SecondsList,
    Secret,
    SecretOptions,
    Sha256,
    StorageUrl,
    Texts,
)

EMBEDDED = "embedded"
#: The kernel's limit for the path of a unix socket, less its final NUL.
SOCKET_PATH_BYTES = 107


class Section(BaseModel):
    """A frozen part of the configuration that knows its fields."""

    # The validator of the whole configuration contains those of its sections; a section alone is seldom validated.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class RedisSettings(Section):
    """Where the durable state lives."""

    url: RedisUrl = Field(
        default=EMBEDDED,
        repr=False,
        description="embedded, redis://, unix://, redis+sentinel://host,host/name, redis+cluster://host:port,host "
        "(TLS: rediss).",
    )
    data_dir: Folder = Field(
        default=Path("data"),
        description="The folder of the embedded server's files and socket; relative to the working folder.",
    )
    appendfsync: FsyncPolicy = Field(
        default=Fsync.EVERYSEC,
        description="Embedded server only: `always` loses nothing to a power cut, `everysec` at most one second.",
    )
    maxmemory_mb: OptionalMebibytes = Field(
        default=0, description="Embedded server only: above it new work is refused; 0 sets no limit."
    )
    command_timeout_s: Seconds = Field(
        default=1.0, description="The longest a command may take before Redis counts as gone."
    )

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


class ApiKey(Section):
    """One client's key, of which only the hash is kept."""

    name: NonEmpty = Field(description="For logs: which key it was.")
    tenant: PoolName = Field(description="Whose lanes and limits the key's requests count against.")
    sha256: Sha256 = Field(repr=False, description="SHA-256 of the key in hexadecimal, lower case.")


class IngressSettings(Section):
    """The HTTP side."""

    host: NonEmpty = Field(default="127.0.0.1", description="The address to listen on.")
    port: Port = Field(default=8000, description="The port to listen on.")
    processes: Count = Field(default=1, description="Processes that share the port.")
    max_body_bytes: ByteCount = Field(default=4 << 20, description="The longest request body; above it a 413.")
    max_header_bytes: ByteCount = Field(
        default=64 << 10,
        description="The longest request head, and as much again of trailers and chunk extensions; above it a 431.",
    )
    header_timeout_s: Seconds = Field(default=10.0, description="The longest a client may take to send its headers.")
    body_timeout_s: Seconds = Field(default=30.0, description="The longest a client may take to send its body.")
    stream_buffer_bytes: ByteCount = Field(
        default=256 << 10, description="Unsent bytes of one stream before its reader is cut off as too slow."
    )
    submit_timeout_s: Seconds = Field(
        default=2.0, description="The longest a submit may wait for Redis before the client gets a 503."
    )
    stream_head_after_s: Seconds = Field(
        default=10.0,
        description="A stream without a token sends its head after this long: errors are plain responses before, "
        "events after it.",
    )
    ping_s: Seconds = Field(
        default=15.0,
        description="A stream that is silent for this long sends a comment, so that nobody between takes it for dead.",
    )
    drain_grace_s: Seconds = Field(default=25.0, description="How long open streams may go on after SIGTERM.")
    cors_origins: Texts = Field(default=(), description="Origins a browser may call from; none by default.")
    allowed_hosts: Texts = Field(
        default=(),
        description="Names that requests may ask for besides localhost; without any, a listener that needs a key "
        "takes every name.",
    )
    api_keys: tuple[ApiKey, ...] = Field(default=(), description="Without any, only a loopback host is allowed.")


class ModelSettings(Section):
    """A name that clients ask for."""

    pool: PoolName = Field(description="The pool that serves it.")


class PoolSettings(Section):
    """Identical workers for one model, with their own lanes."""

    engine: Engine = Field(description="What generates: vLLM, or a simulation that needs no model.")
    model: Folder | None = Field(
        default=None,
        description="The model's folder; relative to the configuration file. The simulated engine needs none.",
    )
    workers: Count = Field(default=1, description="Worker processes, each with an engine of its own.")
    slots: Count = Field(default=64, description="Generations one worker runs side by side.")
    options: Options = Field(default={}, description="The engine's own settings, checked by the engine.")
    lane_max_jobs: Count = Field(default=1000, description="Waiting jobs of one lane before the next is refused.")
    lane_max_bytes: ByteCount = Field(
        default=64 << 20, description="Waiting bytes of one lane before the next job is refused."
    )
    queue_timeout_s: Seconds = Field(default=60.0, description="The longest a job may wait for a worker.")
    run_timeout_s: Seconds = Field(default=600.0, description="The longest a job may run on one worker.")
    result_ttl_s: Seconds = Field(default=3600.0, description="How long a finished job and its events can be read.")
    unstored_ttl_s: Seconds = Field(
        default=60.0,
        description="The same for a request with `store: false` whose client may have lost its connection.",
    )
    max_losses: Count = Field(default=3, description="Workers a job may lose before it is dead-lettered.")
    lease_ttl_s: Seconds = Field(default=5.0, description="A worker silent for this long is lost.")
    heartbeat_s: Seconds = Field(default=0.5, description="How often a worker renews its lease.")
    worker_stall_s: Seconds = Field(
        default=10.0,
        description="A worker whose event loop is blocked for this long is lost, even while its lease is renewed.",
    )
    engine_stall_s: Seconds = Field(
        default=30.0, description="An engine that has work and makes nothing for this long is given up."
    )
    drain_grace_s: Seconds = Field(
        default=20.0, description="How long a worker finishes what it has after SIGTERM before it hands back the rest."
    )
    warmup: Flag = Field(default=True, description="Whether a worker generates something before it counts as ready.")
    refuse_when_failing: Flag = Field(
        default=True,
        description="Whether a request is refused at once while no worker starts, instead of waiting for one that may.",
    )

    @property
    def separates_reasoning(self) -> bool:
        """Whether its engine has a parser for the model's reasoning."""
        return bool(self.options.get("reasoning_parser"))

    @property
    def calls_tools(self) -> bool:
        """Whether its engine has a parser for the model's tool calls."""
        return bool(self.options.get("tool_parser"))


class SchedulerSettings(Section):
    """The leader of each pool."""

    leader_ttl_s: Seconds = Field(default=1.5, description="A leader silent for this long is replaced.")
    tick_s: Seconds = Field(default=0.5, description="The longest the leader sleeps when nothing wakes it.")
    reconcile_s: Seconds = Field(default=5.0, description="How often all records are compared with all streams.")


class JobSettings(Section):
    """Jobs whose clients ask for the result later."""

    deadline_s: Seconds = Field(
        default=3600.0,
        description="The longest a job of `/v1/jobs` or a background response may wait for a worker, where its request "
        "sets no `deadline_s`.",
    )


class StreamSettings(Section):
    """Addresses of a job's events that a web page opens without an API key."""

    token_ttl_s: Seconds = Field(
        default=300.0,
        description="How long a stream's address can be opened; a request for one may set a shorter `ttl_s`.",
    )
    key_rotation_s: Seconds = Field(
        default=86400.0,
        description="How often the ingresses sign with a new key, which they keep in Redis; one that is configured "
        "is not replaced.",
    )
    signing_key: Secret | None = Field(
        default=None,
        repr=False,
        description="The key that tokens are signed with, the same for every ingress; without it they make one.",
    )
    previous_signing_key: Secret | None = Field(
        default=None,
        repr=False,
        description="A key whose tokens are still taken: the former one, for `token_ttl_s` after a change.",
    )


class BackgroundSettings(Section):
    """Work that follows from the end of jobs, and that nobody waits for."""

    lease_ttl_s: Seconds = Field(
        default=5.0, description="A process that reads a pool's ledger and is silent for this long is replaced."
    )
    tick_s: Seconds = Field(default=0.5, description="How often the ledgers are looked at.")
    usage_days: Count = Field(default=400, description="How many days a day's usage is kept.")
    redis_url: OptionalRedisUrl = Field(
        default="",
        repr=False,
        description="Where arq keeps its tasks; empty for `redis.url`. It cannot use a Cluster: there, name a single "
        "server (redis, unix) or Sentinel.",
    )


class WebhookSettings(Section):
    """How ends of jobs are told to other servers."""

    allowed_networks: Texts = Field(
        default=(),
        description="Networks that are sent to although they are not public, such as 10.0.0.0/8; `127.0.0.0/8` for "
        "receivers on this machine.",
    )
    timeout_s: Seconds = Field(default=15.0, description="The longest one attempt may take.")
    retry_s: SecondsList = Field(
        default=(5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0),
        description="The pause after each attempt that failed; after one more attempt the delivery has failed.",
    )
    rotation_grace_s: Seconds = Field(
        default=86400.0, description="How long the secret before a rotation signs beside the new one."
    )
    max_subscriptions: Count = Field(default=20, description="Standing subscriptions of one tenant.")
    max_pending: Count = Field(
        default=100_000, description="Pending deliveries of one tenant; above it events are left out, and counted."
    )
    max_logged: Count = Field(default=10_000, description="Deliveries of one tenant that can be listed: the newest.")
    log_days: Count = Field(default=7, description="How many days a delivery can be read after its end.")
    max_in_flight: Count = Field(default=64, description="Attempts that one background process makes side by side.")
    max_in_flight_per_host: Count = Field(
        default=8, description="Of these, attempts to one host; one that timed out gets one at a time."
    )


class BatchSettings(Section):
    """Batches: files of requests that are run when there is room."""

    max_lines: Count = Field(default=50_000, description="The most requests of one batch.")
    max_open: Count = Field(default=1000, description="Batches of one pool that are not over; above it a 429.")
    window_jobs: Count = Field(
        default=2000, description="The most jobs of one batch that wait or run at once; fewer where the pool is small."
    )
    part_lines: Count = Field(default=500, description="Results that are written to storage together.")
    part_s: Seconds = Field(default=5.0, description="The longest a result waits for others of its part.")
    lease_ttl_s: Seconds = Field(
        default=5.0, description="A process that works on a batch and is silent for this long is replaced."
    )
    tick_s: Seconds = Field(default=0.1, description="How often a batch that is being worked on is looked at.")
    keep_s: Seconds = Field(default=30 * 86400.0, description="How long a batch can be read after its end.")


class StorageSettings(Section):
    """Where files are kept: one place for all roles that need them."""

    url: StorageUrl = Field(
        default="",
        repr=False,
        description="A folder, relative to the working folder, or any URL that fsspec knows: `s3://BUCKET/PREFIX`. "
        "Empty for the folder `files` in `redis.data_dir`.",
    )
    options: SecretOptions = Field(
        default={},
        repr=False,
        description="What fsspec is to know besides the URL, such as `key`, `secret` and `endpoint_url` for S3.",
    )
    timeout_s: Seconds = Field(
        default=30.0, description="The longest that one read or write of the storage may take before it counts as gone."
    )


class FileSettings(Section):
    """Files of `/v1/files`."""

    max_bytes: ByteCount = Field(default=200 << 20, description="The longest file; above it a 413.")
    max_files: Count = Field(
        default=10_000,
        description="Files of one tenant, those that batches made among them, before no more can be uploaded.",
    )
    expire_s: Seconds = Field(
        default=30 * 86400.0,
        description="How long a file is kept whose upload does not say it (`expires_after`).",
    )
    orphan_grace_s: Seconds = Field(
        default=86400.0,
        description="What an upload that was killed has left in the storage is removed when it is so old.",
    )


class TelemetrySettings(Section):
    """Logs and metrics; traces follow the standard OTEL_ environment variables."""

    log_level: Level = Field(default=LogLevel.INFO, description="The least severe events that are written.")
    log_format: Format = Field(default=LogFormat.JSON, description="json for machines, console for people.")
    metrics_host: NonEmpty = Field(
        default="127.0.0.1",
        description="Where the roles serve their metrics; the ingress has /metrics on its own port.",
    )
    scheduler_metrics_port: OptionalPort = Field(
        default=0, description="The first free port from here on; 0 serves none."
    )
    background_metrics_port: OptionalPort = Field(
        default=0, description="The first free port from here on; 0 serves none."
    )
    worker_metrics_port: OptionalPort = Field(
        default=0, description="The first free port from here on, one per worker; 0 serves none."
    )


class TokenizerSettings(Section):
    """The tokenizer service when it runs alone."""

    host: NonEmpty = Field(default="127.0.0.1", description="The address to listen on.")
    port: Port = Field(default=8001, description="The port to listen on.")


class Settings(Section, BaseSettings):
    """The whole configuration."""

    # Names are taken as they are written: `Ingress` is no setting.
    model_config = SettingsConfigDict(case_sensitive=True, title="Penstock's configuration")

    models: dict[NonEmpty, ModelSettings] = Field(description="The names that clients ask for.")
    pools: dict[PoolName, PoolSettings] = Field(description="Who serves them, by name.")
    redis: RedisSettings = Field(default_factory=RedisSettings)
    ingress: IngressSettings = Field(default_factory=IngressSettings)
    scheduler: SchedulerSettings = Field(default_factory=SchedulerSettings)
    jobs: JobSettings = Field(default_factory=JobSettings)
    streams: StreamSettings = Field(default_factory=StreamSettings)
    background: BackgroundSettings = Field(default_factory=BackgroundSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    batches: BatchSettings = Field(default_factory=BatchSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    files: FileSettings = Field(default_factory=FileSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    tokenizer: TokenizerSettings = Field(default_factory=TokenizerSettings)

    @property
    def queue_address(self) -> str:
        """The URL of the Redis in which arq keeps its tasks."""
        return self.background.redis_url or self.redis.address

    def pool_of(self, model: str) -> str | None:
        """The pool that serves a model, or None if nobody does."""
        known = self.models.get(model)
        return known.pool if known else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings calls it by these names
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what the constructor is given and nothing else; `load` brings a source of its own."""
        return (init_settings,)
