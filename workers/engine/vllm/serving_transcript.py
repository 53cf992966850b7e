"""Engine-written answers: vLLM's serving code and output processor, fed from the step stream."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence

from vllm.inputs import tokens_input
from vllm.outputs import RequestOutput
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest
from vllm.v1.engine.output_processor import OutputProcessor
from vllm.v1.engine.parallel_sampling import ParentRequest

from penstock.request import Sampling
from workers.engine.base import Finish, Generation, Output
from workers.engine.serving import ServingRequest
from workers.engine.vllm.capture import Asked
from workers.engine.vllm.core import Core
from workers.engine.vllm.replay import ending, replayed, singles, without_last
from workers.engine.vllm.sampling import continued
from workers.engine.vllm.serving import Opened, Serving, grammar_field
from workers.engine.vllm.wire import WireFormat


class ServingGeneration(Generation, frozen=True, kw_only=True):
    """A generation of one or more EngineCore requests: one per prompt and choice."""

    requests: tuple[EngineCoreRequest, ...]
    #: What its grammar comes from, if it has one.
    grammar_field: str | None = None


class VllmServingTranscript:
    """One engine-written answer in the making."""

    def __init__(
        self,
        request: ServingRequest,
        opened: Opened,
        serving: Serving,
        processor: OutputProcessor,
        generation: ServingGeneration,
    ) -> None:
        self.generation = generation
        self.prompt_tokens = sum(len(asked.prompt["prompt_token_ids"]) for asked in opened.asked)
        self.is_continued = bool(generation.done)
        self.finish: Finish | None = None
        self.stop_reason: str | int | None = None
        self._request = request
        self._opened = opened
        self._serving = serving
        self._processor = processor
        self._wire = WireFormat(
            request.response_id,
            request.created,
            request.body.model,
            service_tier=request.service_tier,
            tells_usage=bool(request.body.stream_options and request.body.stream_options.include_usage),
        )
        self._unreplayed = generation.done
        #: Per prompt, everything that came out so far.
        self._whole: list[RequestOutput | None] = [None] * len(opened.asked)

    @property
    def finish_reason(self) -> str | None:
        """OpenAI's finish_reason of the choice that ended last."""
        return self._wire.finish_reason

    def feed(self, output: Output) -> list[str]:
        """One piece per token; see ServingTranscript."""
        raw = output.extra
        if raw is None and output.finish is not None:
            raw = ending(self.generation.requests[output.index].request_id, output.finish)
        if self._unreplayed:
            piece = self._replay(raw)
            if self.finish is not None:
                return [piece]
        running = self._processor.request_states
        return [self._push(single) for single in singles(raw) if single.request_id in running]

    async def response(self) -> bytes:
        """The whole response body."""
        outputs = [output for output in self._whole if output is not None]
        for output in outputs:
            output.outputs.sort(key=lambda choice: choice.index)
        return self._wire.body(await self._serving.respond(self._request, outputs)).encode()

    def _replay(self, raw: EngineCoreOutput) -> str:
        """Take what another worker had; its pieces are known, all but one that should have ended the answer."""
        done, self._unreplayed = self._unreplayed, ()
        scores = raw.new_prompt_logprobs_tensors
        earlier = list(replayed(raw.request_id, done, scores))
        raw.new_prompt_logprobs_tensors = None
        if scores is not None and self._opened.asked[0].params.prompt_logprobs is not None:
            earlier[0].new_prompt_logprobs_tensors = without_last(scores, len(done))
        piece = ""
        for single in earlier:
            piece = self._push(single)
            if self.finish is not None:
                break
        return piece

    def _push(self, raw: EngineCoreOutput) -> str:
        for result in self._processor.process_outputs([raw]).request_outputs:
            number = int(result.request_id)
            self._keep(number, result)
            self._opened.feed.put((number, result))
        if not self._processor.has_unfinished_requests():
            self._opened.feed.close()
        return "\n".join(filter(None, map(self._wire.chunk, self._opened.events.advance())))

    def _keep(self, number: int, result: RequestOutput) -> None:
        for choice in result.outputs:
            if choice.finish_reason is not None:
                self.stop_reason = choice.stop_reason
                if not self._processor.has_unfinished_requests():
                    self.finish = Finish.LENGTH if choice.finish_reason == "length" else Finish.STOP
        whole = self._whole[number]
        if whole is None:
            self._whole[number] = _own(result)
        else:
            whole.add(result, aggregate=True)


def _own(result: RequestOutput) -> RequestOutput:
    """A copy that can grow, while the original goes to serving and its token list is the step's."""
    own = copy.copy(result)
    own.outputs = [copy.copy(choice) for choice in result.outputs]
    for choice in own.outputs:
        choice.token_ids = list(choice.token_ids)
    return own


async def open_transcript(core: Core, serving: Serving, request: ServingRequest) -> VllmServingTranscript:
    """Render a request and prepare what EngineCore is to generate. Raises InvalidRequestError."""
    opened = await serving.open(request)
    field = await _try_grammar(core, request, opened.asked)
    processor = OutputProcessor(core.renderer.tokenizer, log_stats=False)
    requests: list[EngineCoreRequest] = []
    for number, asked in enumerate(opened.asked):
        # There may be a thousand, and the steps of others do not wait for all of them.
        requests += _choices(processor, _whole(core, request, number, asked))
        await asyncio.sleep(0)
    first = opened.asked[0]
    done = tuple(request.done) if _can_continue(opened.asked) else ()
    if done:
        prompt = tokens_input([*first.prompt["prompt_token_ids"], *done])
        params = continued(first.params, done)
        requests = [core.checked(request.id, prompt, params, request.priority, grammar_field=None)]
    generation = ServingGeneration(
        id=request.id,
        prompt=first.prompt["prompt_token_ids"],
        done=done,
        sampling=Sampling(max_tokens=first.params.max_tokens),
        priority=request.priority,
        requests=tuple(requests),
        grammar_field=field,
    )
    return VllmServingTranscript(request, opened, serving, processor, generation)


async def _try_grammar(core: Core, request: ServingRequest, asked: Sequence[Asked]) -> str | None:
    """Have the grammar that all prompts share compiled on trial; what it comes from. Raises InvalidRequestError."""
    wanted = asked[0].params.structured_outputs
    if wanted is None:
        return None
    # Tools can have one without being forced.
    field = grammar_field(request.body) or "tools"
    tried = await core.tried(wanted, field)
    for one in asked:
        one.params.structured_outputs = tried
    return field


def _can_continue(asked: Sequence[Asked]) -> bool:
    """Neither a grammar nor several choices or prompts can be taken up in the middle."""
    params = asked[0].params
    return len(asked) == 1 and params.n == 1 and params.structured_outputs is None


def _whole(core: Core, request: ServingRequest, number: int, asked: Asked) -> EngineCoreRequest:
    whole = core.checked(
        f"{request.id}/{number}" if number else request.id,
        asked.prompt,
        asked.params,
        request.priority,
        grammar_field=grammar_field(request.body),
    )
    # By this the output processor's results tell which prompt they belong to.
    whole.external_req_id = str(number)
    whole.reasoning_ended = asked.reasoning_ended
    whole.reasoning_parser_kwargs = asked.reasoning_parser_kwargs
    return whole


def _choices(processor: OutputProcessor, whole: EngineCoreRequest) -> list[EngineCoreRequest]:
    """One request per choice, each known to the processor."""
    params = whole.sampling_params
    if params.n == 1:
        processor.add_request(whole, None)
        return [whole]
    parent = ParentRequest(whole)
    choices = []
    for index in range(params.n):
        choice = copy.copy(whole)
        choice.request_id, choice.sampling_params = parent.get_child_info(index)
        processor.add_request(choice, None, parent, index)
        choices.append(choice)
    return choices
