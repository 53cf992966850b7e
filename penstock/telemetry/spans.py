"""Names of spans and attributes, after OpenTelemetry's GenAI conventions (in development: mend them here alone)."""

from __future__ import annotations

# Spans, in the order of a request's life; each is the parent of the next.
#: Ingress: from the request's head to the last byte of its answer; named by `request_name`.
CHAT = "chat"
TEXT_COMPLETION = "text_completion"
#: Scheduler: from acceptance to assignment.
QUEUE = "penstock.queue"
#: Worker: from taking the job from the inbox to its end.
GENERATE = "penstock.generate"

# Attributes of the GenAI conventions.
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_SEED = "gen_ai.request.seed"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
USAGE_CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
ERROR_TYPE = "error.type"

# Attributes of our own.
CLIENT_REQUEST_ID = "penstock.client_request_id"
JOB_ID = "penstock.job.id"
JOB_ATTEMPT = "penstock.job.attempt"
POOL = "penstock.pool"
WORKER = "penstock.worker"

#: The provider's name in every span: the engines run here.
PROVIDER = "penstock"


def request_name(operation: str, model: str) -> str:
    """The name of a request's first span, as in "chat demo"."""
    return f"{operation} {model}"
