"""What each field of a request's body does, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.request.body import (
    ChatBody,
    CompletionBody,
    FunctionDefinition,
    JsonSchema,
    ResponseFormat,
    StreamOptions,
    StructuredOutputs,
    Tool,
)
from penstock.request.responses.body import ReasoningConfig, ResponsesBody, TextConfig, TextFormat

_SHARED = {
    "model": "The name of a model, as `GET /v1/models` lists them.",
    "stream": "Whether the answer comes as server-sent events, token by token.",
    "stream_options": "What a stream tells besides; needs `stream`.",
    "service_tier": "`flex` is the batch class, `default` the standard one, all else the interactive one.",
    "store": "false: nothing of the request or its answer is kept once the answer is sent.",
    "n": "How many answers to each prompt; each takes a slot of the model's worker, which has no fewer.",
    "stop": "Texts before which the answer ends; up to 16,384 characters together.",
    "stop_token_ids": "Tokens that end the answer.",
    "seed": "The same seed, the same request: the same answer, as far as the engine can promise it.",
    "max_tokens": "How many tokens to generate at most; what the prompt leaves of the context, if that is less.",
    "min_tokens": "How many tokens to generate before the answer may end; not above the most.",
    "temperature": "0 takes the likeliest token, more varies; 1 unless given.",
    "top_p": "Only the likeliest tokens that have this probability together.",
    "top_k": "Only this many of the likeliest tokens; 0 and -1 are all.",
    "min_p": "Only tokens at least this probable, relative to the likeliest.",
    "frequency_penalty": "Makes tokens less likely the more often they came.",
    "presence_penalty": "Makes tokens less likely once they came.",
    "repetition_penalty": "Above 1 makes tokens less likely that are in the prompt or came.",
    "logit_bias": "By token id: what to add to its logit.",
    "allowed_token_ids": "The only tokens that may come.",
    "bad_words": "Words that must not come; up to 16,384 characters together.",
    "response_format": "The form of the answer: free text, JSON, or JSON of a schema.",
    "structured_outputs": "The form of the answer, as vLLM has it: exactly one of these; not beside `response_format`.",
    "ignore_eos": "Whether to go on where the model would end.",
    "include_stop_str_in_output": "Whether the stop text is shown.",
    "skip_special_tokens": "Whether special tokens have no text.",
    "truncate_prompt_tokens": "Keep this many tokens of the prompt; -1 is what the context holds.",
    "truncation_side": "The side of the prompt that is cut off.",
    "prompt_logprobs": "How many of the likeliest tokens to tell at each place of the prompt; not with `stream`.",
    "return_token_ids": "Whether the answer tells the ids of prompt and answer.",
    "return_tokens_as_token_ids": "Whether log probabilities name tokens as `token_id:7`.",
}
_CHAT = {
    "messages": "The conversation, oldest first; up to 8,192 parts and 4,096 tool calls together.",
    "max_completion_tokens": "As `max_tokens`, and wins over it.",
    "logprobs": "Whether to tell each token's log probability.",
    "top_logprobs": "How many of the likeliest tokens to tell at each place; needs `logprobs`.",
    "tools": "Functions that the model may call.",
    "tool_choice": "Whether it calls one: `none`, `auto`, `required`, or the function named; needs `tools`.",
    "parallel_tool_calls": "Whether it may call several.",
    "reasoning_effort": "How long a model reasons that can; `none` switches it off.",
    "include_reasoning": "Whether the answer shows the reasoning.",
    "chat_template_kwargs": "Variables of the chat template; up to 1,024 values on 16 levels.",
    "documents": "Documents for templates that show some.",
    "add_generation_prompt": "Whether a new message of the assistant begins.",
    "continue_final_message": "Whether the answer goes on with the last message; needs `add_generation_prompt` false.",
    "add_special_tokens": "Whether the begin-of-text token is put before what the template writes.",
    "echo": "Whether the answer begins with the last message, where it goes on with it.",
}
_COMPLETION = {
    "prompt": "What to continue: a text, token ids, or a list of either; prompts times `n` are at most 1,024.",
    "logprobs": "How many of the likeliest tokens to tell at each place.",
    "echo": "Whether the answer begins with the prompt.",
    "suffix": "Not offered: this endpoint only continues a prompt.",
    "best_of": "Equal to `n`, if given: choosing among more answers is not offered.",
    "add_special_tokens": "Whether the begin-of-text token is put before a text.",
    "max_tokens": "How many tokens to generate at most; 16 unless given. 0 is for `echo`.",
}

_RESPONSES = {
    "model": _SHARED["model"],
    "input": "A text of the user's, or the items of a conversation, oldest first.",
    "instructions": "What the system says first, to this response alone.",
    "previous_response_id": "A stored response whose conversation goes on.",
    "background": "Whether it is made without its client waiting; not with `store` false.",
    "store": "false: it cannot be read later, and nothing of it is kept once the answer is sent.",
    "stream": "Whether the answer comes as server-sent events.",
    "include": "`message.output_text.logprobs`: log probabilities. All else has no effect here.",
    "max_output_tokens": "How many tokens to generate at most; what the prompt leaves of the context, if that is less.",
    "metadata": "For its owner to find its job by.",
    "parallel_tool_calls": _CHAT["parallel_tool_calls"],
    "reasoning": "How the model reasons, where it can.",
    "service_tier": "`flex` is the batch class, `default` the standard one, `priority` the interactive one.",
    "temperature": _SHARED["temperature"],
    "text": "The form of the answer.",
    "tool_choice": _CHAT["tool_choice"],
    "tools": _CHAT["tools"],
    "top_logprobs": "How many of the likeliest tokens to tell at each place.",
    "top_p": _SHARED["top_p"],
    "truncation": "`disabled`: no item of a conversation is ever left out.",
    "prompt_cache_key": "Repeated, and without an effect.",
    "safety_identifier": "Repeated, and without an effect.",
    "user": "Repeated, and without an effect.",
}

#: By type, then by field.
FIELDS: Mapping[type, Mapping[str, str]] = {
    ChatBody: _SHARED | _CHAT,
    CompletionBody: _SHARED | _COMPLETION,
    ResponsesBody: _RESPONSES,
    TextConfig: {
        "format": "Free text, JSON, or JSON of a schema.",
        "verbosity": "`medium`: how long an answer is to be is said in the instructions.",
    },
    TextFormat: {
        "type": "`text`, `json_object`, or `json_schema`.",
        "name": "A name for the schema.",
        "schema": "The schema, for `json_schema`; it may refer to its own parts only.",
        "description": "What it is for.",
        "strict": "Taken; the schema is enforced either way.",
    },
    ReasoningConfig: {
        "effort": _CHAT["reasoning_effort"],
        "summary": "`auto`: none is given, for reasoning comes as it is.",
        "generate_summary": "As `summary`.",
    },
    StreamOptions: {
        "include_usage": "Whether a last chunk tells the usage; all others then have `usage: null`.",
        "continuous_usage_stats": "Whether every chunk tells the usage so far.",
    },
    ResponseFormat: {
        "type": "`text`, `json_object`, or `json_schema`.",
        "json_schema": "The schema, for `json_schema`.",
    },
    JsonSchema: {
        "name": "A name for it.",
        "schema": "The schema; it may refer to its own parts only.",
        "strict": "Taken; the schema is enforced either way.",
        "description": "What it is for.",
    },
    StructuredOutputs: {
        "json": "A JSON schema, as an object or as a text.",
        "json_object": "True: any JSON object.",
        "regex": "An expression that the answer matches; up to 10,000 characters with its repetitions written out.",
        "choice": "One of these texts; up to 60,000 characters together.",
        "grammar": "A grammar in EBNF, as xgrammar reads it; up to 60,000 characters.",
    },
    Tool: {"function": "The function.", "type": "The only kind of tool there is."},
    FunctionDefinition: {
        "name": "What the model calls it.",
        "description": "What it does, for the model.",
        "parameters": "A JSON schema of its arguments.",
        "strict": "Taken; `tool_choice` says what is enforced.",
    },
}
