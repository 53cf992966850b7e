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
from vllm.renderers.online_renderer import OnlineRenderer

from penstock.request import Api, ChatBody, CompletionBody
from workers.engine.rich import RichRequest
from workers.engine.vllm.capture import Asked, Capture
from workers.engine.vllm.core import Core
from workers.engine.vllm.driven import Driven, Feed
from workers.engine.vllm.faults import client_faults, raised
from workers.engine.vllm.settings import VllmSettings

#: What the endpoints believe to be the model's name; the client's own is put in afterwards.
_MODEL = "model"

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
            "chat_template": settings.chat_template,
            "chat_template_content_format": "auto",
            "enable_auto_tools": settings.tool_parser is not None,
            "tool_parser": settings.tool_parser,
            "reasoning_parser": settings.reasoning_parser or "",
        }
        renderer = OnlineRenderer(core.config.model_config, core.renderer, **common)
        self._tokenizer = core.renderer.tokenizer
        self._chat = OpenAIServingChat(client, models, "assistant", online_renderer=renderer, **common)
        self._completion = OpenAIServingCompletion(client, models, online_renderer=renderer, request_logger=None)
        for endpoint in (self._chat, self._completion):
            # As for plain answers: a model's own taste in sampling is not applied, and chunks are the same everywhere.
            endpoint.default_sampling_params = {}
            endpoint.system_fingerprint = None

    async def open(self, request: RichRequest) -> Opened:
        """Render a request, and prepare the stream of its answer. Raises InvalidRequestError."""
        feed: Feed[Numbered] = Feed()
        capture = Capture([_unnumbered(feed)])
        with client_faults():
            parsed = _parsed(request, stream=True)
            events = await self._call(parsed, capture)
            if isinstance(parsed, CompletionRequest):
                # What it returned would merge its prompts by tasks, which nobody could drive by hand.
                events = self._completion_events(parsed, capture.asked, feed, request)
        return Opened(capture.asked, feed, Driven(events))

    async def respond(self, request: RichRequest, outputs: Sequence[RequestOutput]) -> str:
        """The body of a response that is not streamed, from all that came out per prompt. Raises EngineFailedError."""
        response = await self._call(_parsed(request, stream=False), Capture([_once(output) for output in outputs]))
        body: str = response.model_dump_json()
        return body

    async def _call(self, parsed: ChatCompletionRequest | CompletionRequest, capture: Capture) -> Any:
        endpoint = copy.copy(self._chat if isinstance(parsed, ChatCompletionRequest) else self._completion)
        endpoint.engine_client = capture
        if isinstance(parsed, ChatCompletionRequest):
            answer = await endpoint.create_chat_completion(parsed)
        else:
            answer = await endpoint.create_completion(parsed)
        if isinstance(answer, ErrorResponse):
            raise raised(answer)
        return answer

    def _completion_events(
        self, parsed: CompletionRequest, asked: Sequence[Asked], feed: Feed[Numbered], request: RichRequest
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


def _parsed(request: RichRequest, *, stream: bool) -> ChatCompletionRequest | CompletionRequest:
    """The body as vLLM's own request, without fields that are not part of our API."""
    is_chat = request.api is Api.CHAT
    known = (ChatBody if is_chat else CompletionBody).__struct_fields__
    sent: dict[str, Any] = msgspec.json.decode(request.body)
    fields = {name: sent[name] for name in known if sent.get(name) is not None}
    if not (stream and sent.get("stream")):
        fields.pop("stream_options", None)
    fields |= {"model": _MODEL, "stream": stream}
    return (ChatCompletionRequest if is_chat else CompletionRequest).model_validate(fields)


async def _unnumbered(feed: Feed[Numbered]) -> AsyncGenerator[RequestOutput, None]:
    async for _, output in feed:
        yield output


async def _once(output: RequestOutput) -> AsyncGenerator[RequestOutput, None]:
    yield output
