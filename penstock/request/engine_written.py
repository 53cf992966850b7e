"""Which answers the engine's own serving classes write: those that are more than one run of text."""

from __future__ import annotations

from penstock.request.body import ChatBody, CompletionBody


def is_engine_written(
    body: ChatBody | CompletionBody, *, calls_tools: bool = True, separates_reasoning: bool = False
) -> bool:
    """Whether the answer is more than one choice of plain text, and so needs the engine's own response writer.

    `calls_tools`: the pool can tell a tool call from text; `separates_reasoning`: its model reasons first.
    """
    if (body.n or 1) > 1 or body.prompt_logprobs is not None or body.return_token_ids:
        return True
    if body.stream_options is not None and body.stream_options.continuous_usage_stats:
        return True
    if isinstance(body, ChatBody):
        tools = body.must_call or (calls_tools and body.calls_tools)
        return tools or separates_reasoning or bool(body.logprobs) or body.echo
    many = isinstance(body.prompt, list) and not isinstance(body.prompt[0], int)
    return many or body.logprobs is not None or bool(body.echo)
