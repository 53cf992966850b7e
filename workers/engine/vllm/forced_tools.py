"""Tool calls of a pool whose model has no way of its own to write them: only where the client demands one."""

from __future__ import annotations

from typing import Any

from vllm.entrypoints.generate.base.protocol import DeltaMessage, ExtractedToolCallInformation
from vllm.tool_parsers import ToolParser, ToolParserManager

NAME = "penstock_forced"


class ForcedToolParser(ToolParser):
    """A required or named call is JSON by its grammar, which vLLM reads for every parser; all else is text."""

    def extract_tool_calls(self, model_output: str, request: Any) -> ExtractedToolCallInformation:  # noqa: ARG002
        """No call: the model was free to answer in text, and did."""
        return ExtractedToolCallInformation(tools_called=False, tool_calls=[], content=model_output)

    def extract_tool_calls_streaming(
        self,
        previous_text: str,  # noqa: ARG002 - vLLM's signature
        current_text: str,  # noqa: ARG002
        delta_text: str,
        previous_token_ids: Any,  # noqa: ARG002
        current_token_ids: Any,  # noqa: ARG002
        delta_token_ids: Any,  # noqa: ARG002
        request: Any,  # noqa: ARG002
    ) -> DeltaMessage | None:
        """The same, as it comes."""
        return DeltaMessage(content=delta_text) if delta_text else None


def register() -> None:
    """Make it known to vLLM by its name."""
    ToolParserManager.register_module(NAME, force=True, module=ForcedToolParser)
