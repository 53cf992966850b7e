"""vLLM's own OpenAI endpoints, without HTTP and without an engine behind them."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import msgspec
from vllm.entrypoints.generate.base.protocol import RequestResponseMetadata
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.chat_completion.serving import OpenAIServingChat
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.completion.serving import OpenAIServingCompletion
from vllm.entrypoints.openai.models.protocol import BaseModelPath
from vllm.entrypoints.openai.models.serving import OpenAIServingModels
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.outputs import RequestOutput

from penstock.request import ChatBody, CompletionBody, sampling
from penstock.text.chat.content import as_text
from penstock.text.chat.messages import prepared
from workers.engine.serving import ServingRequest
from workers.engine.vllm import forced_tools
from workers.engine.vllm.capture import Asked, Capture
from workers.engine.vllm.core import Core
from workers.engine.vllm.driven import Driven, Feed
from workers.engine.vllm.faults import client_faults, raised
from workers.engine.vllm.rendered import Rendered
from workers.engine.vllm.settings import VllmSettings

#: What the endpoints believe to be the model's name; the client's own is put in afterwards.
_MODEL = "model"
#: Fields that have had their effect on the prompt, which vLLM is given.
_RENDERED = (
    "add_generation_prompt",
    "add_special_tokens",
    "chat_template_kwargs",
    "continue_final_message",
    "documents",
    "truncate_prompt_tokens",
    "truncation_side",
)

#: A prompt's number and what came out for it.
Numbered: TypeAlias = tuple[int, RequestOutput]


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that waits for its outputs: put them into `feed`, then advance `events`."""

    asked: Sequence[Asked]
    feed: Feed[Numbered]
    events: Driven[str]


class Serving:
    """Renders requests and writes responses; what happens between is the caller's."""

    def __init__(self, core: Core, settings: VllmSettings) -> None:
        client = SimpleNamespace(
            vllm_config=core.config,
            model_config=core.config.model_config,
            renderer=core.renderer,
            input_processor=core.inputs,
        )
        models = OpenAIServingModels(client, [BaseModelPath(name=_MODEL, model_path=settings.model)])
        common: dict[str, Any] = {
            "request_logger": None,
            "chat_template": None,
            "chat_template_content_format": "auto",
            "enable_auto_tools": True,
            "tool_parser": settings.tool_parser or forced_tools.NAME,
            "reasoning_parser": settings.reasoning_parser or "",
        }
        forced_tools.register()
        self._reasons = settings.reasoning_parser is not None
        self._renderer = Rendered(core.config.model_config, core.renderer, **common)
        self._tokenizer = core.renderer.tokenizer
        usage: dict[str, Any] = {"enable_prompt_tokens_details": True}
        self._chat = OpenAIServingChat(client, models, "assistant", online_renderer=self._renderer, **common, **usage)
        self._completion = OpenAIServingCompletion(
            client, models, online_renderer=self._renderer, request_logger=None, **usage
        )
        for endpoint in (self._chat, self._completion):
            # As for plain answers: a model's own taste in sampling is not applied, and chunks are the same everywhere.
            endpoint.default_sampling_params = {}
            endpoint.system_fingerprint = None

    async def open(self, request: ServingRequest) -> Opened:
        """Render a request, and prepare the stream of its answer. Raises InvalidRequestError."""
        feed: Feed[Numbered] = Feed()
        capture = Capture([_unnumbered(feed)])
        with client_faults(grammar_field(request.body)):
            parsed = self._parsed(request.body, stream=True)
            events = await self._call(parsed, capture, request)
            if isinstance(parsed, CompletionRequest):
                # What it returned would merge its prompts by tasks, which nobody could drive by hand.
                events = self._completion_events(parsed, capture.asked, feed, request)
        return Opened(capture.asked, feed, Driven(events))

    async def respond(self, request: ServingRequest, outputs: Sequence[RequestOutput]) -> str:
        """The body of a response that is not streamed, from all that came out per prompt. Raises EngineFailedError."""
        capture = Capture([_once(output) for output in outputs])
        response = await self._call(self._parsed(request.body, stream=False), capture, request)
        body: str = response.model_dump_json()
        return body

    def _parsed(self, body: ChatBody | CompletionBody, *, stream: bool) -> ChatCompletionRequest | CompletionRequest:
        parsed = _parsed(body, stream=stream)
        if isinstance(parsed, ChatCompletionRequest) and not self._reasons:
            # It would hide what is no reasoning, and log probabilities with it.
            parsed.include_reasoning = True
        return parsed

    async def _call(
        self, parsed: ChatCompletionRequest | CompletionRequest, capture: Capture, request: ServingRequest
    ) -> Any:
        endpoint = copy.copy(self._chat if isinstance(parsed, ChatCompletionRequest) else self._completion)
        endpoint.engine_client = capture
        endpoint.online_renderer = self._renderer.of(request.prompts)
        if isinstance(parsed, ChatCompletionRequest):
            answer = await endpoint.create_chat_completion(parsed)
        else:
            answer = await endpoint.create_completion(parsed)
        if isinstance(answer, ErrorResponse):
            raise raised(answer, grammar_field(request.body))
        return answer

    def _completion_events(
        self, parsed: CompletionRequest, asked: Sequence[Asked], feed: Feed[Numbered], request: ServingRequest
    ) -> AsyncGenerator[str, None]:
        return self._completion.completion_stream_generator(
            parsed,
            [ask.prompt for ask in asked],
            feed,
            request.response_id,
            request.created,
            _MODEL,
            num_prompts=len(asked),
            tokenizer=self._tokenizer,
            request_metadata=RequestResponseMetadata(request_id=request.response_id),
        )


def _parsed(body: ChatBody | CompletionBody, *, stream: bool) -> ChatCompletionRequest | CompletionRequest:
    """A checked body as vLLM's own request."""
    sent = {name: value for name, value in msgspec.to_builtins(body).items() if value is not None}
    for name in _RENDERED:
        sent.pop(name, None)
    if not (stream and body.stream):
        sent.pop("stream_options", None)
    if (body.n or 1) > 1 and body.temperature == 0:
        # vLLM refuses several choices of the likeliest tokens, which are all alike; among one it has no choice either.
        sent |= {"temperature": 1.0, "top_k": 1, "top_p": 1.0, "min_p": 0.0}
    sent |= {"model": _MODEL, "stream": stream}
    # Checked with the stream that all answers are written as, where there is no place for them.
    prompt_logprobs = sent.pop("prompt_logprobs", None)
    kind: type[ChatCompletionRequest | CompletionRequest] = CompletionRequest
    if isinstance(body, ChatBody):
        kind = ChatCompletionRequest
        # Of the conversation, serving reads the last message only, to echo it.
        (last,) = prepared(body.messages[-1:])
        # Where no new message begins, the answer goes on with it, whosever it is.
        role = last["role"] if body.add_generation_prompt else "assistant"
        sent["messages"] = [{"role": role, "content": as_text(last["content"])}]
    parsed = kind.model_validate(sent)
    parsed.prompt_logprobs = prompt_logprobs
    return parsed


def grammar_field(body: ChatBody | CompletionBody) -> str | None:
    """The field that an answer's grammar comes from."""
    if isinstance(body, ChatBody) and body.must_call:
        return "tools"
    constraint = sampling(body).constraint
    return constraint.field if constraint else None


async def _unnumbered(feed: Feed[Numbered]) -> AsyncGenerator[RequestOutput, None]:
    async for _, output in feed:
        yield output


async def _once(output: RequestOutput) -> AsyncGenerator[RequestOutput, None]:
    yield output
