"""What a client may ask for: the one place that knows a request's fields, their limits and how they go together."""

from __future__ import annotations

from penstock.request.body import Api, Body, ChatBody, CompletionBody
from penstock.request.checks import check
from penstock.request.context import check_length, fitted
from penstock.request.engine_written import is_engine_written
from penstock.request.limits import MAX_CHOICES, MAX_LOGIT_BIAS, MAX_STOP_STRINGS, MAX_TOKEN_ID
from penstock.request.messages import check_messages
from penstock.request.parsing import parse, parse_noting, read
from penstock.request.prompts import conversation, prompts, truncated
from penstock.request.sampling import Constraint, Sampling, sampling
from penstock.request.size import check_size, is_small
from penstock.request.vocabulary import check_vocabulary

__all__ = [
    "MAX_CHOICES",
    "MAX_LOGIT_BIAS",
    "MAX_STOP_STRINGS",
    "MAX_TOKEN_ID",
    "Api",
    "Body",
    "ChatBody",
    "CompletionBody",
    "Constraint",
    "Sampling",
    "check",
    "check_length",
    "check_messages",
    "check_size",
    "check_vocabulary",
    "conversation",
    "fitted",
    "is_engine_written",
    "is_small",
    "parse",
    "parse_noting",
    "prompts",
    "read",
    "sampling",
    "truncated",
]
