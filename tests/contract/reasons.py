"""Why a request of the right form is refused: for what no schema says, and what the simulated engine cannot do."""

from __future__ import annotations

import re

#: Each matches the message of an error.
REASONS = [
    re.compile(reason)
    for reason in (
        # How fields go together, where the document's own rules are left out to generate more.
        r"stream_options needs stream to be true",
        r"top_logprobs needs logprobs to be true",
        r"tool_choice needs tools",
        r"tool_choice names .* which is none of the tools",
        r"structured_outputs and .* exclude each other",
        r"prompt_logprobs comes with a whole answer only",
        r"continue_final_message needs add_generation_prompt to be false",
        r"max_tokens must be at least 1",
        # Numbers that are compared with each other, and sums.
        r"min_tokens is above max_(completion_|output_)?tokens",
        r"best_of must be equal to n",
        r"n times the number of prompts",
        r"(stop|bad_words) has at most \d+ characters",
        # What the model decides.
        r"n is \d+, and a worker of this model has \d+ slots",
        r"above this model's context",
        r"the prompt leaves room for",
        r"This model's context is \d+ tokens",
        r"This model's maximum context length is",
        r"The prompt has no tokens",
        r"holds the token id \d+; this model's ids end at",
        # Reasoning that nobody here can read is no message.
        r"input must not be empty",
        r"background needs the response to be stored",
        r"no function_call before it has that call_id",
        # What there was before.
        r"^after: .* is no (job|delivery|batch|file) of your list",
        r"webhook: nothing signs it",
        r"^idempotency_key is another key than that of the Idempotency-Key header",
        # Of a form's fields, each may be there once.
        r": is there twice\.",
        r"^input_file_id: There is no file",
        r"There are \d+ webhooks already",
        # What a URL may be, and where it may lead.
        r"(^|\.)url (is no URL|names no host|must begin with|must be ASCII|must not|has port 0)",
        r"is no public address",
        # How long an address may last.
        r"^ttl_s must be at most \d+: streams\.token_ttl_s",
        r"webhook\.secret is none",
        r"There is no response .* to go on from",
        r"^after: .* is no item of this response",
        r"^after: .* is no job of your list",
        r"The job ended before that event",
        # How days go together.
        r"from is a day after to",
        r"from and to are more than \d+ days apart",
        # What is no character.
        r"half of a surrogate pair",
        # Languages of their own inside a field.
        r"has a regular expression",
        r"The schema in .*",
        r"has a schema (with more than|that counts)",
        r"structured_outputs has a json that is no JSON schema",
        r"logit_bias has token ids as keys",
        # The simulated engine.
        r"The simulated engine does not support",
        r"This model's engine gives one choice of plain text only",
    )
]


def is_known(message: str) -> bool:
    """Whether a message gives one of these reasons."""
    return any(reason.search(message) for reason in REASONS)
