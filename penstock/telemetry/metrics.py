"""Every Prometheus metric, with its labels and its unit. Labels have few values: never a job id or a client's text.

A process that shares its port with others must have PROMETHEUS_MULTIPROC_DIR set before this module is imported.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Histogram)

_FAST_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_TTFT_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
#: The buckets of OpenTelemetry's GenAI conventions for durations.
_DURATION_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_START_S = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


@lru_cache(maxsize=4096)
def child(metric: M, *labels: str) -> M:
    """The same as `metric.labels`, but for what every request touches: finding it anew takes longer than counting."""
    return metric.labels(*labels)


# Ingress: what clients see.
REQUESTS = Counter("penstock_requests_total", "HTTP requests answered, by status code.", ("model", "status"))
REQUEST_SECONDS = Histogram(
    "penstock_request_seconds",
    "From the request's head to the last byte of its answer.",
    ("model",),
    buckets=_DURATION_S,
)
TTFT_SECONDS = Histogram(
    "penstock_ttft_seconds", "From the request's head to its first token.", ("model",), buckets=_TTFT_S
)
ITL_SECONDS = Histogram(
    "penstock_itl_seconds", "Mean time between two tokens of one stream.", ("model",), buckets=_FAST_S
)
TOKENS = Counter(
    "penstock_tokens_total", "Tokens of finished jobs; kind is prompt, cached or generated.", ("model", "kind")
)
REJECTED = Counter("penstock_rejected_total", "Requests refused before the queue, by reason.", ("pool", "reason"))
OPEN_STREAMS = Gauge(
    "penstock_open_streams", "Clients being served with a stream or waiting for a result.", multiprocess_mode="livesum"
)
DISCONNECTS = Counter(
    "penstock_disconnects_total", "Clients that went away before the end of their answer.", ("model",)
)
SLOW_READERS = Counter(
    "penstock_slow_readers_total", "Streams cut off because their client read too slowly.", ("model",)
)
ATTACHES = Counter(
    "penstock_attach_total", "Times an ingress asked for a job's tokens from an offset on.", ("pool", "reason")
)
STREAM_GAPS = Counter("penstock_stream_gaps_total", "Holes found in the sequence of a worker's frames.", ("pool",))
RESUBMITTED = Counter(
    "penstock_resubmitted_total", "Jobs submitted again because Redis had lost their record.", ("pool",)
)

FILE_UPLOADS = Counter(
    "penstock_file_uploads_total",
    "Files that clients sent; outcome is stored, refused, unavailable or cut.",
    ("outcome",),
)
FILE_BYTES = Counter(
    "penstock_file_bytes_total", "Bytes of files that were received and stored, or sent.", ("direction",)
)

# Scheduler: what waits, and what was decided.
QUEUE_DEPTH = Gauge("penstock_queue_depth", "Waiting jobs.", ("pool", "class"))
QUEUE_BYTES = Gauge("penstock_queue_bytes", "Bytes of waiting request bodies.", ("pool", "class"))
QUEUE_OLDEST_AGE_SECONDS = Gauge(
    "penstock_queue_oldest_age_seconds", "Age of the longest waiting job.", ("pool", "class")
)
QUEUE_WAIT_SECONDS = Histogram(
    "penstock_queue_wait_seconds", "From acceptance to assignment to a worker.", ("pool", "class"), buckets=_TTFT_S
)
LEADER = Gauge("penstock_leader", "1 where this process leads the pool.", ("pool",))
LEADERSHIPS = Counter("penstock_leaderships_total", "Times this process became the pool's leader.", ("pool",))
WORKERS = Gauge("penstock_workers", "Workers by state: ready, draining, lost.", ("pool", "state"))
DISPATCH_SECONDS = Histogram(
    "penstock_dispatch_seconds", "One round of choosing and assigning.", ("pool",), buckets=_FAST_S
)
PLACEMENTS = Counter("penstock_placements_total", "Decisions on where a job goes, by reason.", ("pool", "reason"))
REQUEUES = Counter(
    "penstock_requeues_total", "Jobs taken from a worker and queued again, by reason.", ("pool", "reason")
)
WORKER_LOSSES = Counter("penstock_worker_losses_total", "Workers declared lost, by reason.", ("pool", "reason"))
RECONCILED = Counter(
    "penstock_reconciled_total", "Disagreements between records and streams that were mended.", ("pool", "finding")
)
POOL_TROUBLES = Gauge(
    "penstock_pool_troubles",
    "What keeps this process from some of its work: keys of a wrong type, records that are none.",
    ("pool", "duty"),
)

# Background: what follows from jobs that ended.
LEDGER_WAITING = Gauge("penstock_ledger_waiting", "Ends of jobs that are not accounted for yet.", ("pool",))
LEDGER_LAG_SECONDS = Gauge(
    "penstock_ledger_lag_seconds", "Age of the oldest end that is not accounted for yet.", ("pool",)
)
LEDGER_APPLIED = Counter("penstock_ledger_applied_total", "Ends of jobs that were accounted for.", ("pool",))
LEDGER_UNREADABLE = Counter(
    "penstock_ledger_unreadable_total",
    "Entries of the ledger that nobody can read, and that were left out.",
    ("pool",),
)

BATCHES_RUNNING = Gauge("penstock_batches_running", "Batches that this process works on.", ("pool",))
BATCHES_ENDED = Counter(
    "penstock_batches_ended_total", "Batches that ended, by the status they ended in.", ("pool", "status")
)
BATCH_LINES = Counter(
    "penstock_batch_lines_total",
    "Lines of batches that were written to storage, by the file they are in.",
    ("pool", "file"),
)

WEBHOOKS_HANDED_OVER = Counter("penstock_webhooks_handed_over_total", "Deliveries that were made of ends of jobs.")
WEBHOOKS_NOT_QUEUED = Counter(
    "penstock_webhooks_not_queued_total", "Deliveries that arq could not be given at once: the sweep finds them."
)
WEBHOOKS_FOUND_AGAIN = Counter(
    "penstock_webhooks_found_again_total", "Deliveries that arq should have had and had not: the sweep gave it them."
)
WEBHOOKS_LEFT_OUT = Counter(
    "penstock_webhooks_left_out_total", "Deliveries that were not made, for too many of their tenant are pending."
)
WEBHOOKS_UNREADABLE = Counter(
    "penstock_webhooks_unreadable_total", "Ended jobs whose own webhook cannot be read: nothing is sent there."
)
WEBHOOKS_PENDING = Gauge("penstock_webhooks_pending", "Deliveries that have not ended.")
WEBHOOKS_OVERDUE_SECONDS = Gauge(
    "penstock_webhooks_overdue_seconds", "For how long the longest overdue attempt has been due, beyond half a minute."
)
WEBHOOK_ATTEMPTS = Counter(
    "penstock_webhook_attempts_total",
    "Attempts to deliver; outcome is delivered, refused, gone, timed_out, unreachable, forbidden or unwanted.",
    ("outcome",),
)
WEBHOOK_DELIVERIES = Counter(
    "penstock_webhook_deliveries_total", "Deliveries that ended; outcome is delivered or failed.", ("outcome",)
)

FILES_SWEPT = Counter(
    "penstock_files_swept_total",
    "What was removed from storage; kind is expired (files), orphaned (their objects) or unfinished (uploads).",
    ("kind",),
)

# Every process that ends jobs.
JOBS = Counter("penstock_jobs_total", "Jobs that reached a terminal state.", ("pool", "state"))

# Worker: the engine and its work.
SLOTS = Gauge("penstock_slots", "Generations this worker runs side by side at most.", ("pool",))
RUNNING = Gauge("penstock_running", "Generations in the engine's batch.", ("pool",))
ENGINE_WAITING = Gauge("penstock_engine_waiting", "Generations the engine has and does not run yet.", ("pool",))
KV_CACHE_USAGE = Gauge("penstock_kv_cache_usage_ratio", "Share of the KV cache in use, 0 to 1.", ("pool",))
PREFIX_CACHE_QUERIES = Counter(
    "penstock_prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.", ("pool",)
)
PREFIX_CACHE_HITS = Counter("penstock_prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", ("pool",))
GENERATED_TOKENS = Counter("penstock_generated_tokens_total", "Tokens the engine generated.", ("pool",))
PREEMPTIONS = Counter("penstock_preemptions_total", "Generations the engine put back for want of KV blocks.", ("pool",))
STEP_FRAMES = Counter("penstock_step_frames_total", "Engine steps written to the journal.", ("pool",))
FRAME_WRITE_SECONDS = Histogram(
    "penstock_frame_write_seconds", "From an engine step to its frame in Redis.", ("pool",), buckets=_FAST_S
)
FENCED_WRITES = Counter(
    "penstock_fenced_writes_total", "Writes refused because this process had been declared lost.", ("pool",)
)
HANDED_BACK = Counter("penstock_handed_back_total", "Unfinished jobs given back while draining.", ("pool",))
ENGINE_STARTS_SECONDS = Histogram(
    "penstock_engine_start_seconds", "From a worker's fork to its engine being ready.", ("pool",), buckets=_START_S
)
ENGINE_START_FAILURES = Counter("penstock_engine_start_failures_total", "Engines that did not come up.", ("pool",))
ENGINE_DEATHS = Counter("penstock_engine_deaths_total", "Engines that died while they served.", ("pool",))

# Every process.
LOG_LINES_LOST = Counter(
    "penstock_log_lines_lost_total", "Log lines that could not be written: a full disk, or a reader gone or stuck."
)

# Every process that speaks to Redis.
REDIS_ERRORS = Counter(
    "penstock_redis_errors_total", "Redis calls that failed; kind is unavailable, full or data.", ("kind",)
)
