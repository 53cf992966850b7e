"""Every log event's name. Each has fields of its own; `job`, `pool` and `worker` mean the same everywhere."""

from __future__ import annotations

# Any process.
STARTED = "process.started"
STOPPED = "process.stopped"
METRICS_SERVED = "metrics.served"
REDIS_LOST = "redis.lost"
REDIS_BACK = "redis.back"
REDIS_UNSUITABLE = "redis.unsuitable"
SETTINGS_DIFFER = "settings.differ"

# Supervisor (`penstock up`).
CHILD_STARTED = "child.started"
CHILD_ENDED = "child.ended"
CHILD_NOT_STARTED = "child.not_started"
CHILD_KILLED = "child.killed"

# Ingress.
JOB_REJECTED = "job.rejected"
JOB_RESUBMITTED = "job.resubmitted"
JOB_RUN_ANEW = "job.run_anew"
CLIENT_GONE = "client.gone"
CLIENT_TOO_SLOW = "client.too_slow"
FRAME_UNREADABLE = "frame.unreadable"
LISTENER_FAILED = "listener.failed"
REQUEST_UNREADABLE = "request.unreadable"
ERRAND_FAILED = "errand.failed"
ATTACHING_FAILED = "attaching.failed"

# Scheduler.
LEADERSHIP_TAKEN = "leadership.taken"
LEADERSHIP_LOST = "leadership.lost"
POOL_TROUBLED = "pool.troubled"
POOL_RECOVERED = "pool.recovered"
RECORD_UNREADABLE = "record.unreadable"
JOB_REQUEUED = "job.requeued"
JOB_EXPIRED = "job.expired"
JOB_DEAD_LETTERED = "job.dead_lettered"
WORKER_LOST = "worker.lost"
WORKER_RETIRED = "worker.retired"
JOURNAL_UNREADABLE = "journal.unreadable"
RECONCILED = "reconciled"

# Worker.
ENGINE_STARTED = "engine.started"
ENGINE_START_FAILED = "engine.start_failed"
ENGINE_DIED = "engine.died"
ENGINE_REFUSED = "engine.refused"
WORKER_REGISTERED = "worker.registered"
WORKER_FENCED = "worker.fenced"
WORKER_DRAINING = "worker.draining"
WORKER_NOT_RETIRED = "worker.not_retired"
WORKER_CRASHED = "worker.crashed"
WORKER_TROUBLE = "worker.trouble"
WORKER_TROUBLE_OVER = "worker.trouble_over"
ENTRY_UNREADABLE = "entry.unreadable"
JOB_FAILED = "job.failed"
