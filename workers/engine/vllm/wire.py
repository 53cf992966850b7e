"""Makes what vLLM writes the same on every worker: ids, times and model names are the job's."""

from __future__ import annotations

import hashlib
import json
import re

from penstock.errors import EngineFailedError
from penstock.telemetry import events, logs

log = logs.get()

_DATA = "data: "
_DONE = "[DONE]"
_HEAD = re.compile(r'\{"id":"[^"]*","object":"([^"]*)","created":\d+,"model":"[^"]*"')
#: A quote inside a JSON string is escaped, so no pattern can match in a client's or the model's text.
_TOOL_CALL_ID = re.compile(r'"id":"(chatcmpl-tool-\w+)"')
#: What plain answers do not tell of their usage either.
_MORE_USAGE = re.compile(
    r',"created_cache_tokens":(?:null|\d+)|,"multimodal_tokens":null|,"completion_tokens_details":null'
)
_USAGE = '"usage":'
#: In a whole response only; a quote inside of a text would be escaped.
_NO_TIER = ',"service_tier":null'
_FINISH_REASON = re.compile(r'"finish_reason":"(\w+)"')


class WireFormat:
    """Rewrites one response and its chunks."""

    def __init__(
        self, response_id: str, created: int, model: str, *, service_tier: str | None, tells_usage: bool
    ) -> None:
        self._id = response_id
        self._identity = f',"created":{created},"model":{json.dumps(model)}'
        if service_tier:
            self._identity += f',"service_tier":{json.dumps(service_tier)}'
        self._has_tier = service_tier is not None
        self._tells_usage = tells_usage
        self._tool_calls: dict[str, str] = {}
        #: That of the last chunk which had one.
        self.finish_reason: str | None = None

    def chunk(self, event: str) -> str:
        """The JSON of a server-sent event; empty for the end marker. Raises EngineFailedError on an error event."""
        data = event.removeprefix(_DATA).rstrip("\n")
        if data == _DONE:
            return ""
        if data.startswith('{"error"'):
            log.error(events.ENGINE_REFUSED, reason=json.loads(data)["error"]["message"])
            raise EngineFailedError("The engine failed on this request.")
        if found := _FINISH_REASON.search(data):
            self.finish_reason = found[1]
        chunk = self._rewritten(data)
        # OpenAI's chunks all have the field once a client asked for it.
        return f'{chunk[:-1]},"usage":null}}' if self._tells_usage and _USAGE not in chunk else chunk

    def body(self, data: str) -> str:
        """The whole response, whose tool calls were parsed, and so numbered, anew."""
        self._tool_calls.clear()
        body = self._rewritten(data)
        return body.replace(_NO_TIER, "", 1) if self._has_tier else body

    def _rewritten(self, data: str) -> str:
        """`data` with the job's identity and with tool call ids that depend on their order alone."""
        data = _MORE_USAGE.sub("", _HEAD.sub(self._head, data, count=1))
        return _TOOL_CALL_ID.sub(self._tool_call, data) if "chatcmpl-tool-" in data else data

    def _head(self, found: re.Match[str]) -> str:
        return f'{{"id":{json.dumps(self._id)},"object":"{found[1]}"{self._identity}'

    def _tool_call(self, found: re.Match[str]) -> str:
        theirs = found[1]
        if theirs not in self._tool_calls:
            seed = f"{self._id}/{len(self._tool_calls)}"
            self._tool_calls[theirs] = f"call_{hashlib.sha256(seed.encode()).hexdigest()[:24]}"
        return f'"id":"{self._tool_calls[theirs]}"'
